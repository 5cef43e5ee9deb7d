"""Counters and time stamps of many events in little room: a few bits of each in registers, the rest in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litex.gen import Array, Cat, If, LiteXModule, Memory, Mux, Replicate, Signal

__all__ = ["SLOTS", "CounterBank"]

SLOTS = 32
_BITS = SLOTS.bit_length() - 1
"""Bits of a slot's number, of what comes between two visits of it, and of a time's part that changes meanwhile."""


class CounterBank(LiteXModule):
    """32-bit counters of the events `counts` and times of the last of the events `stamps`, by slot.

    ::

        events ---> [ since the last visit ] ---+---> (+) ---> [ total ]
                               |                | a slot a cycle    |
                           snapshot             +----<--------------+---> [ total before ]
                               v                                    |            |
                           [ shown ] ------------------------------------> (+) <-+---> word

    A slot is visited every SLOTS cycles: what came since goes into its total. `snapshot` (one cycle) makes `cycles`
    and all words show that cycle: what each slot has in registers is kept at once, its total at its next visit; until
    then the total itself is shown. `clear` (one cycle) starts all from zero: a total counts as zero until it was
    visited once more. Both may come at any time, also together: what is shown then is from before the clear.

    `word` belongs to the slot `look`, in the same cycle.
    """

    def __init__(self, counts: Mapping[int, Any], stamps: Mapping[int, Any]) -> None:
        self.clear, self.snapshot = Signal(), Signal()
        self.look, self.word, self.cycles = Signal(_BITS), Signal(32), Signal(32)

        # # #

        self.now, self.index = Signal(32), Signal(_BITS)
        self._since: dict[int, Any] = {}  # a count, or the low bits of a time
        self._hit: dict[int, Any] = {}  # of a stamp: there is a time
        self._shown: dict[int, Any] = {}
        self._shown_hit: dict[int, Any] = {}
        for slot, event in counts.items():
            self._since[slot], self._shown[slot] = self._held(slot, _BITS, event, lambda since: since + 1)
        for slot, event in stamps.items():
            self._since[slot], self._shown[slot] = self._held(slot, _BITS, event, lambda _: self.now)
            self._hit[slot], self._shown_hit[slot] = self._held(slot, 1, event, lambda _: 1)
        self._add_totals(counts, stamps)
        self.sync += [
            self.index.eq(self.index + 1), self.now.eq(self.now + 1), If(self.clear, self.now.eq(0)),
            If(self.snapshot, self.cycles.eq(self.now)),
        ]  # fmt: skip

    def _held(self, slot: int, size: int, event: Any, following: Any) -> tuple[Signal, Signal]:
        """(what came since the last visit, the same at the snapshot)."""
        since, shown = Signal(size), Signal(size)
        self.sync += [
            If(event, since.eq(following(since))), If((self.index == slot) | self.clear, since.eq(0)),
            If(self.snapshot, shown.eq(since)),
        ]  # fmt: skip
        return since, shown

    def _add_totals(self, counts: Mapping[int, Any], stamps: Mapping[int, Any]) -> None:
        total, before = Memory(32, SLOTS), Memory(32, SLOTS)
        write, visit, look = total.get_port(write_capable=True), *(total.get_port(async_read=True) for _ in range(2))
        keep, kept = before.get_port(write_capable=True), before.get_port(async_read=True)
        self.specials += total, before, write, visit, look, keep, kept
        cleared, cleared_before, taken = self._add_ages()
        old, shown, age, index = Signal(32), Signal(32), Signal(_BITS), self.index
        counted, stamped, since, hit = Signal(), Signal(), Signal(_BITS), Signal()
        self.comb += [
            visit.adr.eq(index), write.adr.eq(index), keep.adr.eq(index), look.adr.eq(self.look),
            kept.adr.eq(self.look),
            # An event in the cycle of the visit is part of it.
            counted.eq(_of(counts, index)), stamped.eq(_of(stamps, index)),
            since.eq(Mux(stamped, self.now[:_BITS], _of(self._since, index))),
            hit.eq(stamped | _of(self._hit, index)),
            If(cleared[-1], old.eq(visit.dat_r)),
            write.we.eq(1), write.dat_w.eq(_sum(old, since, counted, hit, self.now)),
            keep.we.eq(self.snapshot | ~taken[-1]),
            If(Mux(self.snapshot, cleared[-1], cleared_before[-1]), keep.dat_w.eq(visit.dat_r)),
            age.eq(index + ~self.look),  # visits since the one of the slot that is looked at
            If(taken > age, shown.eq(kept.dat_r)).Elif(cleared_before > age, shown.eq(look.dat_r)),
            self.word.eq(_sum(shown, _of(self._shown, self.look), 0, _of(self._shown_hit, self.look),
                              self.cycles)),
        ]  # fmt: skip

    def _add_ages(self) -> tuple[Signal, Signal, Signal]:
        """Visits since the last clear, since the last clear before the snapshot, since the snapshot; SLOTS at most."""
        cleared, cleared_before, taken = (Signal(_BITS + 1) for _ in range(3))
        following = [count + (count != SLOTS) for count in (cleared, cleared_before, taken)]
        self.sync += [
            cleared.eq(following[0]), cleared_before.eq(following[1]), taken.eq(following[2]),
            If(self.clear, cleared.eq(0)),
            If(self.snapshot, cleared_before.eq(following[0]), taken.eq(1)),
        ]  # fmt: skip
        return cleared, cleared_before, taken


def _of(slots: Mapping[int, Any], index: Signal) -> Any:
    """What belongs to the slot `index`; zero for one that is not there."""
    return Array([slots.get(slot, 0) for slot in range(SLOTS)])[index]


def _sum(total: Any, since: Any, event: Any, hit: Any, now: Any) -> Any:
    """A count and what came since; with `hit` the time whose low bits are `since`, less than SLOTS cycles before."""
    earlier = hit & (since > now[:_BITS])
    high = Cat(Replicate(0, _BITS), now[_BITS:])
    # One carry chain: the lowest place is there to carry the event.
    return (Cat(event, Mux(hit, high, total)) + Cat(event, since, Replicate(earlier, 32 - _BITS)))[1:33]
