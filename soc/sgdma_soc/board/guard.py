"""Between the core and the board's memory: nothing beyond it is reached, and tests can make ranges of it fail."""

from __future__ import annotations

from typing import Any

from litex.gen import Cat, Constant, If, LiteXModule, Mux, Replicate, Signal
from litex.soc.interconnect import stream
from litex.soc.interconnect.axi import RESP_DECERR, RESP_SLVERR, AXIInterface

from sgdma.spec.registers import FAULT_RANGES

__all__ = ["MemoryGuard"]

_WAITING = 16
"""Bursts that may be under way behind the guard."""


class MemoryGuard(LiteXModule):
    """AXI from the core to memory of `size` bytes at bus address `base`, judged burst by burst.

    `size` 0: to a memory that knows its bounds itself, a host's, at the addresses as they are.

    ::

                     judged (2 cycles)            answers as memory gave them
        AR, AW ---> [ranges] ---+----------> memory ----------> [verdict] ---> R, B
                                |  verdicts in order                ^
                                +-----------------------------------+
        W  ------------------------> strobes taken away where the verdict is bad

    A bad burst goes on to memory, at its address modulo `size`, reads what is there or writes nothing, and comes back
    with the verdict as its response: so order and number of beats are always memory's own. Memory must answer in order.

    Bursts are of whole beats and cross no 4 KiB, so numbers of beats are compared, within memory or, where that knows
    its bounds itself, within the 4 GiB that ranges lie in. `range_set` (one cycle) sets range `range_index`;
    `range_ways` are read, write, unmapped; `range_clear` takes all back.
    """

    def __init__(self, base: int, size: int, data_width: int, address_width: int = 64) -> None:
        self.core = AXIInterface(data_width=data_width, address_width=address_width, id_width=1)
        self.memory = AXIInterface(data_width=data_width, address_width=32 if size else address_width, id_width=1)
        self.hit = Signal(2)  # a burst that fails was judged: read, write
        self.range_index, self.range_ways = Signal(4), Signal(3)
        self.range_start, self.range_last = Signal(32), Signal(32)  # bus addresses
        self.range_set, self.range_clear = Signal(), Signal()

        # # #

        self._low = (data_width // 8 - 1).bit_length()
        self._bits = (size - 1).bit_length() if size else 32
        self._window = base >> self._bits  # what all addresses in it begin with
        self._bounded = size != 0
        self._ranges = [_Range(self._bits - self._low) for _ in range(FAULT_RANGES)]
        self._add_ranges()
        reads = self._add_judge(self.core.ar, self.memory.ar, "read", 0)
        writes = self._add_judge(self.core.aw, self.memory.aw, "write", 1)
        strobes = self.strobes  # as `writes`, for the data
        core, memory = self.core, self.memory
        self.comb += [
            memory.r.connect(core.r, omit={"resp"}),
            core.r.resp.eq(Mux(reads.source.verdict != 0, reads.source.verdict, memory.r.resp)),
            reads.source.ready.eq(memory.r.valid & core.r.ready & memory.r.last),
            memory.b.connect(core.b, omit={"resp"}),
            core.b.resp.eq(Mux(writes.source.verdict != 0, writes.source.verdict, memory.b.resp)),
            writes.source.ready.eq(memory.b.valid & core.b.ready),
            memory.w.valid.eq(core.w.valid & strobes.source.valid),
            core.w.ready.eq(memory.w.ready & strobes.source.valid),
            memory.w.data.eq(core.w.data), memory.w.last.eq(core.w.last),
            memory.w.strb.eq(Mux(strobes.source.verdict != 0, 0, core.w.strb)),
            strobes.source.ready.eq(core.w.valid & memory.w.ready & core.w.last),
        ]  # fmt: skip

    def _add_ranges(self) -> None:
        begin, end, inside = Signal(self._bits - self._low), Signal(self._bits - self._low), Signal()
        start, last, window = self.range_start, self.range_last, self._window
        self.comb += [
            begin.eq(start[self._low : self._bits]), end.eq(last[self._low : self._bits]), inside.eq(1),
        ]  # fmt: skip
        if self._bits < 32:
            self.comb += [
                If(start[self._bits :] < window, begin.eq(0)),
                If(last[self._bits :] > window, end.eq(2 ** len(end) - 1)),
                inside.eq((start[self._bits :] <= window) & (last[self._bits :] >= window)),
            ]  # fmt: skip
        for index, one in enumerate(self._ranges):
            ways = Cat(one.read, one.write, one.unmapped)
            self.sync += [
                If(self.range_set & (self.range_index == index),
                    one.begin.eq(begin), one.end.eq(end), ways.eq(self.range_ways & Replicate(inside, 3))),
                If(self.range_clear, ways.eq(0)),
            ]  # fmt: skip

    def _add_judge(self, core: Any, memory: Any, kind: str, place: int) -> stream.SyncFIFO:
        """Judge the bursts of an address channel; the verdicts, in order."""
        number = self._bits - self._low
        fields = [("begin", number), ("end", number), ("outside", 1), ("len", 8), ("size", 3), ("burst", 2),
                  ("id", 1)]  # fmt: skip
        if not self._bounded:
            fields.append(("address", len(core.addr)))
        bounds = stream.Buffer(fields)
        judged = stream.Buffer([*fields, ("verdict", 2)])
        verdicts = stream.SyncFIFO([("verdict", 2)], _WAITING)
        for name, module in (("bounds", bounds), ("judged", judged), ("verdicts", verdicts)):
            self.add_module(f"{kind}_{name}", module)
        begin = core.addr[self._low : self._bits]
        self.comb += [
            bounds.sink.valid.eq(core.valid), core.ready.eq(bounds.sink.ready),
            bounds.sink.len.eq(core.len), bounds.sink.size.eq(core.size),
            bounds.sink.burst.eq(core.burst), bounds.sink.id.eq(core.id),
            bounds.sink.begin.eq(begin), bounds.sink.end.eq(begin + core.len),
            bounds.sink.outside.eq(core.addr[self._bits :] != self._window),
            bounds.source.connect(judged.sink, omit={"verdict"}),
            judged.sink.verdict.eq(self._verdict(bounds.source, kind)),
            self.hit[place].eq(judged.sink.valid & judged.sink.ready & (judged.sink.verdict != 0)),
            memory.len.eq(judged.source.len), memory.size.eq(judged.source.size),
            memory.burst.eq(judged.source.burst), memory.id.eq(judged.source.id),
        ]  # fmt: skip
        if self._bounded:
            self.comb += memory.addr.eq(Cat(Constant(0, self._low), judged.source.begin))
        else:
            self.comb += [bounds.sink.address.eq(core.addr), memory.addr.eq(judged.source.address)]
        room = verdicts.sink.ready
        if kind == "write":  # one for the data, one for the response
            self.strobes = stream.SyncFIFO([("verdict", 2)], _WAITING)
            self.comb += [self.strobes.sink.valid.eq(judged.source.valid & memory.ready & verdicts.sink.ready),
                          self.strobes.sink.verdict.eq(judged.source.verdict)]  # fmt: skip
            room = room & self.strobes.sink.ready
        self.comb += [
            memory.valid.eq(judged.source.valid & room), judged.source.ready.eq(memory.ready & room),
            verdicts.sink.valid.eq(judged.source.valid & judged.source.ready),
            verdicts.sink.verdict.eq(judged.source.verdict),
        ]  # fmt: skip
        return verdicts

    def _verdict(self, burst: Any, kind: str) -> Any:
        verdict, unmapped, failing = Signal(2), burst.outside & int(self._bounded), 0
        for one in self._ranges:
            touched = Signal()
            self.comb += touched.eq(~burst.outside & (burst.begin <= one.end) & (burst.end >= one.begin))
            unmapped |= touched & one.unmapped
            failing |= touched & getattr(one, kind)
        self.comb += If(unmapped, verdict.eq(RESP_DECERR)).Elif(failing, verdict.eq(RESP_SLVERR))
        return verdict


class _Range:
    """Beats `begin` to `end` of the window that fail in the ways that are set."""

    def __init__(self, bits: int) -> None:
        self.begin, self.end = Signal(bits), Signal(bits)
        self.read, self.write, self.unmapped = Signal(), Signal(), Signal()
