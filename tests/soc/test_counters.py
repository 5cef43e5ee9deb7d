"""The fixture's counters against plain ones, with snapshots and clears at any distance, in migen's simulator."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from litex.gen import Signal
from migen import run_simulation

from sgdma_soc.counters import SLOTS, CounterBank

COUNTS, STAMPS = (9, 10, 31, 0), (30, 5, 8)


@pytest.mark.parametrize("pause", [1, 3, 20, 40, 90])
def test_what_is_shown_is_the_cycle_of_the_snapshot(pause: int) -> None:
    """All words, looked at in any order, from the first cycle after it on; `pause`: between commands, on average."""
    chance = random.Random(f"{os.environ.get('SGDMA_SEED', '1')}-{pause}")
    events = {slot: Signal() for slot in (*COUNTS, *STAMPS)}
    bank = CounterBank({slot: events[slot] for slot in COUNTS}, {slot: events[slot] for slot in STAMPS})

    def drive() -> Iterator[Any]:
        running, shown, now, cycles = dict.fromkeys(events, 0), dict.fromkeys(events, 0), 1, 0  # a first edge has been
        density = dict.fromkeys(events, 1.0)
        for cycle in range(1200):
            if cycle % 100 == 0:
                density = {slot: chance.choice((0.02, 0.5, 1.0)) for slot in events}
            happens = {slot: int(chance.random() < density[slot]) for slot in events}
            clear, snapshot = (int(chance.random() < 1 / pause) for _ in range(2))
            for slot, event in happens.items():
                yield events[slot].eq(event)
            look = chance.choice((*events, 1))
            yield bank.look.eq(look)
            yield bank.clear.eq(clear)
            yield bank.snapshot.eq(snapshot)
            yield
            # What was set is there now, and what it does comes with the next edge.
            assert (yield bank.word) == shown.get(look, 0), (cycle, look)
            assert (yield bank.cycles) == cycles
            if snapshot:
                shown, cycles = dict(running), now
            for slot, event in happens.items():
                if event:
                    running[slot] = now if slot in STAMPS else running[slot] + 1
            now += 1
            if clear:
                running, now = dict.fromkeys(events, 0), 0

    run_simulation(bank, drive())
    assert SLOTS == 32  # slots are the low five bits of a register's word address
