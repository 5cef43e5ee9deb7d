"""DMA memory in migen's simulator: what block RAM leaves undefined is never answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migen import run_simulation

from sgdma_soc.board.memory import BlockMemory

from .streams import put

BURST = 16


def test_a_beat_is_not_answered_from_the_cycle_that_writes_it() -> None:
    """A host that polls a beat while the core writes bursts over it reads the old or the new word, from a cycle without
    such a write."""
    memory = BlockMemory(8192, 64)
    met = answered = 0

    def core() -> Iterator[Any]:
        axi = memory.axi
        for round_ in range(1, 9):
            yield from put(axi.aw, addr=0, len=BURST - 1)
            for beat in range(BURST):
                yield from put(axi.w, data=round_ * 0x0000_0001_0000_0001, strb=0xFF, last=int(beat == BURST - 1))
            while not (yield axi.b.valid):
                yield
            yield axi.b.ready.eq(1)
            yield
            yield axi.b.ready.eq(0)
            for _ in range(round_ % 2):  # the host reads every other cycle
                yield

    def host() -> Iterator[Any]:
        nonlocal met, answered
        bus = memory.wishbone
        yield from (signal.eq(1) for signal in (bus.cyc, bus.stb, bus.sel))
        yield bus.adr.eq(2 * 5)
        collided = False
        for _ in range(450):
            yield
            if (yield bus.ack):
                assert not collided, "answered from the cycle of a write"
                assert (yield bus.dat_r) in range(9)
                answered += 1
            reading = yield memory._taken_read
            collided = bool(reading and (yield memory._write.we) and (yield memory._write.adr) == 5)
            met += collided

    run_simulation(memory, [core(), host()])
    assert answered > 100
    assert met > 2, met
