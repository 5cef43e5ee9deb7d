"""The whole core against cocotbext-axi: traffic in both directions, with pauses on every channel, byte-exact."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge

from sgdma.bench.sim import traffic
from sgdma.engine.device import Dma
from sgdma.engine.loopback import run_loopback
from sgdma.rules import load
from witness.target import WitnessTarget


def _pauses(seed: int) -> Iterator[bool]:
    source = random.Random(seed)
    while True:
        yield source.random() < 0.25


def _traffic(target: WitnessTarget, size: int, kind: str) -> dict[str, float]:
    """Traffic by the ordinary driver; what it took."""
    with Dma(target, rules=load(os.environ["SGDMA_RULES"]), arena=12 << 20, interrupts=False) as dma:
        if kind != "loopback":
            return traffic(dma, size, kind)
        data = np.random.default_rng(1).integers(0, 256, size, np.uint8).tobytes()
        begin, cycles = time.perf_counter(), dma.now()
        result = run_loopback(dma, data, seed=7, in_flight=256, progress=lambda done: None)
        seconds, cycles = time.perf_counter() - begin, dma.now() - cycles
        dma.check()
    assert result.same
    return {"bytes": size, "seconds": seconds, "cycles": cycles}


@cocotb.test()
async def conforms_and_moves_every_byte(dut: Any) -> None:
    """cocotbext-axi raises on what breaks AXI; the data must come back the same."""
    target = WitnessTarget(dut)
    await target.start()
    if os.environ.get("SGDMA_WITNESS_PAUSES", "1") == "1":
        seeds = iter(range(100))
        target.pause(lambda: _pauses(next(seeds)))
    size, kind = int(os.environ["SGDMA_WITNESS_BYTES"]), os.environ["SGDMA_WITNESS_KIND"]
    figures = await bridge(_traffic)(target, size, kind)
    if "SGDMA_WITNESS_JSON" in os.environ:
        Path(os.environ["SGDMA_WITNESS_JSON"]).write_text(json.dumps(figures))
