"""Between the core and the board's memory: nothing beyond it is reached, and tests can make ranges of it fail."""

from __future__ import annotations

from typing import Any

from litex.gen import Cat, Constant, If, LiteXModule, Mux, Signal
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
    """

    def __init__(self, base: int, size: int, data_width: int, address_width: int = 64) -> None:
        self.core = AXIInterface(data_width=data_width, address_width=address_width, id_width=1)
        self.memory = AXIInterface(data_width=data_width, address_width=32 if size else address_width, id_width=1)
        self.hit = Signal(2)  # a burst that fails was judged: read, write
        self.ranges = [_Range() for _ in range(FAULT_RANGES)]

        # # #

        self._base, self._beat = base, data_width // 8
        self._bits = (size - 1).bit_length() if size else address_width
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

    def _add_judge(self, core: Any, memory: Any, kind: str, place: int) -> stream.SyncFIFO:
        """Judge the bursts of an address channel; the verdicts, in order."""
        low = self._beat.bit_length() - 1
        fields = [("address", len(core.addr)), ("end", 33), ("len", 8), ("size", 3), ("burst", 2), ("id", 1)]
        bounds = stream.Buffer(fields)
        judged = stream.Buffer([*fields, ("verdict", 2)])
        verdicts = stream.SyncFIFO([("verdict", 2)], _WAITING)
        for name, module in (("bounds", bounds), ("judged", judged), ("verdicts", verdicts)):
            self.add_module(f"{kind}_{name}", module)
        self.comb += [
            bounds.sink.valid.eq(core.valid), core.ready.eq(bounds.sink.ready),
            bounds.sink.address.eq(core.addr), bounds.sink.len.eq(core.len), bounds.sink.size.eq(core.size),
            bounds.sink.burst.eq(core.burst), bounds.sink.id.eq(core.id),
            bounds.sink.end.eq(Cat(Constant(0, low), core.addr[low:32]) + (core.len << low) + (self._beat - 1)),
            bounds.source.connect(judged.sink, omit={"verdict"}),
            judged.sink.verdict.eq(self._verdict(bounds.source, kind)),
            self.hit[place].eq(judged.sink.valid & judged.sink.ready & (judged.sink.verdict != 0)),
            memory.addr.eq(judged.source.address[: self._bits]),
            memory.len.eq(judged.source.len), memory.size.eq(judged.source.size),
            memory.burst.eq(judged.source.burst), memory.id.eq(judged.source.id),
        ]  # fmt: skip
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
        beyond = burst.address[self._bits :] != self._base >> self._bits if self._bits < len(burst.address) else 0
        verdict, unmapped, failing = Signal(2), beyond, 0
        for one in self.ranges:
            touched = Signal()
            near = burst.address[32:] == 0
            self.comb += touched.eq(near & (burst.address[:32] <= one.last) & (burst.end >= one.start))
            unmapped |= touched & one.unmapped
            failing |= touched & getattr(one, kind)
        self.comb += If(unmapped, verdict.eq(RESP_DECERR)).Elif(failing, verdict.eq(RESP_SLVERR))
        return verdict


class _Range:
    """Bus addresses `start` to `last` that fail in the ways that are set."""

    def __init__(self) -> None:
        self.start, self.last = Signal(32), Signal(32)
        self.read, self.write, self.unmapped = Signal(), Signal(), Signal()
