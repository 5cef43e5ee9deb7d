"""What the block benches share: start-up, seeds, streams with random pauses."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

__all__ = ["Sink", "Source", "rng", "start"]


def rng(salt: str) -> random.Random:
    """Random numbers that `SGDMA_SEED` replays; the seed is printed."""
    seed = int(os.environ.get("SGDMA_SEED", "1"))
    print(f"seed {seed} ({salt})", flush=True)
    return random.Random(f"{seed} {salt}")


async def start(dut: Any, **inputs: int) -> None:
    """Clock, inputs at rest, reset for four cycles."""
    for name, value in inputs.items():
        getattr(dut, name).value = value
    dut.rst.value = 1
    Clock(dut.clk, 8, "ns").start()
    for _ in range(4):
        await RisingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0


class Source:
    """Drives ``<prefix>_valid`` and payload from a list of dicts; pauses at random, scrambles while not valid."""

    def __init__(self, dut: Any, prefix: str, random_: random.Random, pause: float = 0.3) -> None:
        self.dut, self.prefix, self.random, self.pause = dut, prefix, random_, pause
        self.taken = 0

    async def send(self, words: Iterable[dict[str, int]]) -> None:
        """All words, each until it is taken."""
        valid, ready = getattr(self.dut, f"{self.prefix}_valid"), getattr(self.dut, f"{self.prefix}_ready")
        for word in words:
            while self.random.random() < self.pause:
                await FallingEdge(self.dut.clk)
            for name, value in word.items():
                getattr(self.dut, f"{self.prefix}_{name}").value = value
            valid.value = 1
            while True:
                await RisingEdge(self.dut.clk)
                if ready.value:
                    break
            await FallingEdge(self.dut.clk)
            self.taken += 1
            valid.value = 0
            for name in word:
                signal = getattr(self.dut, f"{self.prefix}_{name}")
                signal.value = self.random.getrandbits(len(signal))


class Sink:
    """Takes words from ``<prefix>_valid/ready`` with random pauses; checks that what is offered is kept."""

    def __init__(
        self, dut: Any, prefix: str, fields: Iterable[str], random_: random.Random, pause: float = 0.3
    ) -> None:
        self.dut, self.prefix, self.fields = dut, prefix, tuple(fields)
        self.random, self.pause = random_, pause
        self.words: list[dict[str, int]] = []

    async def run(self, enough: Callable[[], bool]) -> None:
        """Until `enough()`."""
        valid, ready = getattr(self.dut, f"{self.prefix}_valid"), getattr(self.dut, f"{self.prefix}_ready")
        offered: dict[str, int] | None = None
        while not enough():
            take = self.random.random() >= self.pause
            ready.value = int(take)
            await RisingEdge(self.dut.clk)
            if valid.value:
                word = {name: int(getattr(self.dut, f"{self.prefix}_{name}").value) for name in self.fields}
                assert offered in (None, word), f"{self.prefix} changed before it was taken: {offered} -> {word}"
                offered = word
                if take:
                    self.words.append(word)
                    offered = None
            else:
                assert offered is None, f"{self.prefix}_valid fell before it was taken"
            await FallingEdge(self.dut.clk)
