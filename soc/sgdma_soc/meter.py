"""What the fixture counts and stamps: events at the boundary of the core, alike on a board and in the simulator."""

from __future__ import annotations

from typing import Any

from litex.gen import If, LiteXModule, Signal
from migen.genlib.fifo import SyncFIFO

from sgdma_soc.core import SGDMA

__all__ = ["BusMeter"]

WRITES_AHEAD = 64
"""Write addresses that may be ahead of their data, at least what the core allows."""


class BusMeter(LiteXModule):
    """Events of the core's bus, streams, doorbells and vectors, each one cycle, by the name of their register.

    ``counts`` are for counters, ``stamps`` for the time of the last such event. ID 0 is descriptors and completion
    records, ID 1 payload. Write data carries no ID: it has that of its address, which came first or comes with it.
    """

    def __init__(self, core: SGDMA) -> None:
        axi = core.axi
        self.counts: dict[str, Any] = {}
        self.stamps: dict[str, Any] = {}

        # # #

        r, b = axi.r.valid & axi.r.ready, axi.b.valid & axi.b.ready
        w, w_payload, w_owed = self._add_write_order(axi)
        self._count_bus(axi, r, w, b, w_payload)
        self._count_waiting(axi, r, w_owed)
        self._count_streams(core)
        self._stamp(core, r, w & w_payload, b)

    def _add_write_order(self, axi: Any) -> tuple[Any, Any, Any]:
        """(a beat is written, it is payload, a burst whose address was sent owes data)."""
        held = Signal()
        self.aw_new = axi.aw.valid & ~held
        self.order = SyncFIFO(1, WRITES_AHEAD)
        write = axi.w.valid & axi.w.ready
        ahead = self.order.readable
        self.sync += held.eq(axi.aw.valid & ~axi.aw.ready)
        self.comb += [
            self.order.din.eq(axi.aw.id),
            self.order.we.eq(self.aw_new & ~(~ahead & write & axi.w.last)),
            self.order.re.eq(write & axi.w.last),
        ]
        payload = Signal()
        self.comb += If(ahead, payload.eq(self.order.dout)).Else(payload.eq(axi.aw.id))
        return write, payload, ahead

    def _count_bus(self, axi: Any, r: Any, w: Any, b: Any, w_payload: Any) -> None:
        ar, aw = axi.ar.valid & axi.ar.ready, axi.aw.valid & axi.aw.ready
        self.counts |= {
            "r_beats": r, "r_descriptors": r & ~axi.r.id,
            "w_beats": w, "w_records": w & ~w_payload,
            "ar_count": ar, "ar_descriptors": ar & ~axi.ar.id,
            "aw_count": aw, "aw_records": aw & ~axi.aw.id,
            "b_count": b, "b_records": b & ~axi.b.id,
        }  # fmt: skip
        for name in ("ar", "r", "aw", "w", "b"):
            channel = getattr(axi, name)
            self.counts[f"{name}_stall"] = channel.valid & ~channel.ready

    def _count_waiting(self, axi: Any, r: Any, w_owed: Any) -> None:
        reads = Signal(16)
        begun, ended = axi.ar.valid & axi.ar.ready, r & axi.r.last
        self.sync += reads.eq(reads + begun - ended)
        self.counts["r_wait"] = (reads != 0) & ~axi.r.valid
        self.counts["w_wait"] = w_owed & ~axi.w.valid

    def _count_streams(self, core: SGDMA) -> None:
        for name, channel in (("h2c", core.h2c), ("c2h", core.c2h)):
            self.counts[f"{name}_beats"] = channel.valid & channel.ready
            self.counts[f"{name}_stall"] = channel.valid & ~channel.ready

    def _stamp(self, core: SGDMA, r: Any, w: Any, b: Any) -> None:
        axi, bell = core.axi, core.sq_doorbell.re
        self.stamps |= {
            "at_doorbell": bell,
            "at_first_ar": self._first_after(bell, axi.ar.valid & axi.ar.id),
            "at_first_aw": self._first_after(bell, axi.aw.valid & axi.aw.id),
            "at_last_r": r & axi.r.id, "at_last_w": w, "at_last_b": b & axi.b.id,
            "at_record_aw": self.aw_new & ~axi.aw.id, "at_record_b": b & ~axi.b.id,
            "at_vector": core.vectors[:-1] != 0,
        }  # fmt: skip

    def _first_after(self, start: Any, event: Any) -> Any:
        waiting = Signal()
        self.sync += If(start, waiting.eq(1)).Elif(event, waiting.eq(0))
        return waiting & event
