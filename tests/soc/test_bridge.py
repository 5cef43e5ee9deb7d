"""The register bridge against a master that pauses on every channel, in migen's simulator."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from litex.gen import If, LiteXModule, Signal
from migen import run_simulation

from sgdma_soc.bridge import RegisterBridge

from .streams import put

WORDS = 16


class Bench(LiteXModule):
    """The bridge, and a bank of WORDS registers that answers as LiteX's do, beside a counter that never rests."""

    def __init__(self) -> None:
        self.bridge = RegisterBridge()
        csr, self.words = self.bridge.csr, [Signal(32) for _ in range(WORDS)]
        self.sync += [csr.dat_r.eq(csr.dat_r + 1)]
        for index, word in enumerate(self.words):
            self.sync += If(csr.adr == index, csr.dat_r.eq(word), If(csr.we, word.eq(csr.dat_w)))


def offer(random_: random.Random, channel: Any, items: list[dict[str, int]]) -> Iterator[Any]:
    """Give items to a channel, with pauses; they hold still until they are taken."""
    for item in items:
        for _ in range(random_.choice((0, 0, 1, 4))):
            yield
        yield from put(channel, **item)


def take(random_: random.Random, channel: Any, count: int, field: str, got: list[int]) -> Iterator[Any]:
    """Take items from a channel, with pauses; what is offered must hold still."""
    held: int | None = None
    ready = 0
    while len(got) < count:
        ready = random_.randint(0, 1)
        yield channel.ready.eq(ready)
        yield
        if (yield channel.valid):
            value = yield getattr(channel, field)
            assert held in (None, value), "what was offered has changed"
            held = None if ready else value
            if ready:
                got.append(value)
        else:
            assert held is None, "what was offered is gone"
    yield channel.ready.eq(0)


@pytest.mark.parametrize("seed", range(3))
def test_random_accesses_come_through_with_pauses_everywhere(seed: int) -> None:
    chance = random.Random(f"{os.environ.get('SGDMA_SEED', '1')}-{seed}")
    bench, count = Bench(), 40
    axi = bench.bridge.axi_lite
    places = [chance.randrange(WORDS) for _ in range(count)]
    written = [{"data": chance.getrandbits(32), "strb": 15} for _ in range(count)]
    answers: list[int] = []
    first: list[int] = []
    read: list[int] = []
    final = {place: item["data"] for place, item in zip(places, written, strict=True)}

    def later() -> Iterator[Any]:
        """Once all is written: read every register."""
        while len(answers) < count:
            yield
        yield from offer(chance, axi.ar, [{"addr": 4 * place} for place in range(WORDS)])

    def reads() -> Iterator[Any]:
        yield from take(chance, axi.r, count, "data", first)
        yield from take(chance, axi.r, WORDS, "data", read)

    def meanwhile() -> Iterator[Any]:
        yield from offer(chance, axi.ar, [{"addr": 4 * place} for place in places])
        yield from later()

    run_simulation(bench, [
        offer(chance, axi.aw, [{"addr": 4 * place} for place in places]), offer(chance, axi.w, written),
        take(chance, axi.b, count, "resp", answers), meanwhile(), reads(),
    ])  # fmt: skip
    assert answers == [0] * count
    assert read == [final.get(place, 0) for place in range(WORDS)]
    known = {place: {0} for place in range(WORDS)}
    for place, item in zip(places, written, strict=True):
        known[place].add(item["data"])
    assert all(value in known[place] for place, value in zip(places, first, strict=True))


def test_a_write_without_strobes_writes_nothing() -> None:
    bench = Bench()

    def master() -> Iterator[Any]:
        yield from bench.bridge.axi_lite.write(4, 0x1234)
        yield from bench.bridge.axi_lite.write(4, 0x5678, strb=0)
        assert (yield from bench.bridge.axi_lite.read(4)) == (0x1234, 0)

    run_simulation(bench, master())
