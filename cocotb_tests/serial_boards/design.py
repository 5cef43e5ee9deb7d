"""A small SoC behind a serial link: memory that counts its writes, a word that is known, and nothing elsewhere.

================= =====================================================
byte address      what
================= =====================================================
0                 `WORDS` words of memory
4 * WORDS         how often each of them has been written, 16 bits each
8 * WORDS         `KNOWN`
above             bus error; all ones for UARTBone, as LiteX's time-out
================= =====================================================
"""

from __future__ import annotations

from typing import Any

from litex.gen import ClockDomain, If, LiteXModule, Memory, Signal
from litex.gen.fhdl.verilog import convert
from litex.soc.cores.uart import Stream2Wishbone
from litex.soc.interconnect import stream

from sgdma_soc.link import ReliableLink
from sgdma_soc.standalone import combinational

__all__ = ["BASE_BAUD", "CLOCK", "KNOWN", "SLOWER", "TOP", "WORDS", "verilog"]

TOP = "serial_board"
WORDS = 1 << 16
CLOCK = 4_000_000
BASE_BAUD = 115_200
SLOWER = 10
"""The line's milliseconds are so many times shorter here, in cycles: idle time is most of what is simulated."""
KNOWN = 0x5347444D


class Board(LiteXModule):
    """`bone`: with LiteX's UARTBone instead of the reliable link. Bytes cross `sink` and `source`."""

    def __init__(self, bone: bool, base: int = BASE_BAUD) -> None:
        self.cd_sys = ClockDomain("sys")
        self.sink = stream.Endpoint([("data", 8)], name="rx")
        self.source = stream.Endpoint([("data", 8)], name="tx")
        self.tuning = Signal(32, name="tuning")

        # # #

        if bone:
            self.link = link = Stream2Wishbone(clk_freq=CLOCK // SLOWER)
        else:
            self.link = link = ReliableLink(
                CLOCK, base, max_baud=3_000_000, gap_ms=10 // SLOWER, patience_ms=250 // SLOWER)  # fmt: skip
            self.comb += self.tuning.eq(link.tuning)
        self.comb += [self.sink.connect(link.sink), link.source.connect(self.source)]
        self._add_memory(link.wishbone, bone)

    def _add_memory(self, bus: Any, bone: bool) -> None:
        done, inside = Signal(), Signal(2)
        words, counts = Memory(32, WORDS, name="words"), Memory(16, WORDS, name="counts")
        port, count = (memory.get_port(write_capable=True, async_read=True) for memory in (words, counts))
        self.specials += words, counts, port, count
        bits = WORDS.bit_length() - 1
        place, bank, known = bus.adr[:bits], bus.adr[bits:], Signal()
        write = bus.cyc & bus.stb & bus.we & done & (bank == 0)
        self.comb += [
            known.eq((bank == 2) & (place == 0)), inside.eq((bank < 2) | known),
            port.adr.eq(place), port.dat_w.eq(bus.dat_w), port.we.eq(write),
            count.adr.eq(place), count.dat_w.eq(count.dat_r + 1), count.we.eq(write),
            bus.dat_r.eq(0xFFFFFFFF),
            If(bank == 0, bus.dat_r.eq(port.dat_r)).Elif(bank == 1, bus.dat_r.eq(count.dat_r)),
            If(known, bus.dat_r.eq(KNOWN)),
            bus.ack.eq(done & (inside | int(bone))), bus.err.eq(done & ~inside & int(not bone)),
        ]  # fmt: skip
        self.sync += done.eq(bus.cyc & bus.stb & ~done)


def verilog(bone: bool, base: int = BASE_BAUD) -> str:
    """The SoC's Verilog, for Verilator."""
    board = Board(bone, base)
    ports = [board.cd_sys.clk, board.cd_sys.rst, board.tuning]
    ports += [getattr(end, name) for end in (board.sink, board.source) for name in ("valid", "ready", "data")]
    return combinational(str(convert(board, set(ports), name=TOP)))
