"""The reliable serial link as a LiteX module: bytes on one side, a Wishbone master on the other."""

from __future__ import annotations

from typing import Any

from litex.gen import LiteXModule, Signal
from litex.soc.interconnect import stream

from sgdma.spec.link import BUFFER_WORDS, HEADER, WINDOW
from sgdma_soc.link.executor import Executor
from sgdma_soc.link.rate import Pace
from sgdma_soc.link.receiver import Receiver
from sgdma_soc.link.store import WriteStore

__all__ = ["ReliableLink", "tuning_word"]


def tuning_word(baud: int, clk_freq: int) -> int:
    """Phase accumulator word of LiteX's RS232 PHY for `baud` at `clk_freq` Hz."""
    return int(baud * 2**32 / clk_freq)


class ReliableLink(LiteXModule):
    """A board's end of the reliable link (docs/link.md).

    ::

                                   +-- store <--+
                                   v            |
        source <--bytes-- executor <-- queue <-- receiver <--bytes-- sink
                             |                      |
                         wishbone                 pace --> tuning

    `sink` takes the line's bytes and makes them wait for no more than a cycle, behind a header or a frame; `source`
    gives bytes to the line. `wishbone` has 32-bit words and word addresses.
    `tuning` is the word for the PHY's phase accumulators, which the host may change::

        link = ReliableLink(sys_clk_freq, baudrate=115200)
        tx, rx = RS232PHYTX(pads, link.tuning), RS232PHYRX(pads, link.tuning)
        comb += [rx.source.connect(link.sink), link.source.connect(tx.sink)]

    `phy`: anything with `sink` and `source`, connected here when it is given. `max_baud`: what the board may be asked
    for; 3 Mbaud, or a tenth of the clock, when it is not given. Times in milliseconds: half a frame is given up after
    `gap_ms` without a byte, a rate `patience_ms` after the last good frame, if anything but good frames came since.
    """

    def __init__(
        self, clk_freq: int, baudrate: int = 115200, phy: Any = None, max_baud: int | None = None, gap_ms: int = 10,
        patience_ms: int = 250,
    ) -> None:  # fmt: skip
        clk_freq = int(clk_freq)
        fastest = max_baud or min(3_000_000, clk_freq // 10)
        self.store = WriteStore(BUFFER_WORDS)
        self.receiver = receiver = Receiver(self.store)
        self.queue = queue = stream.SyncFIFO(list(HEADER), WINDOW - 1)
        self.front = front = stream.Buffer(list(HEADER))  # the last of the window, out of the queue's memory
        self.executor = executor = Executor(self.store, [clk_freq, fastest, baudrate])
        self.pace = pace = Pace(clk_freq, tuning_word(baudrate, clk_freq), gap_ms, patience_ms)
        self.sink, self.source, self.wishbone = receiver.sink, executor.source, executor.wishbone
        self.tuning: Signal = pace.tuning

        # # #

        self.comb += [
            receiver.command.connect(queue.sink), queue.source.connect(front.sink),
            front.source.connect(executor.command),
            pace.byte.eq(receiver.sink.valid), receiver.gap.eq(pace.gap),
            pace.good.eq(receiver.good), pace.garbage.eq(receiver.garbage),
            pace.change.eq(executor.change), pace.wanted.eq(executor.command.address),
        ]  # fmt: skip
        if phy is not None:
            self.comb += [phy.source.connect(self.sink), self.source.connect(phy.sink)]
