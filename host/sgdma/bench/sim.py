"""Speed of the simulation: the same core, driver and traffic with our host memory and with cocotbext-axi's AxiRam.

`read`: the device reads memory (H2C); `copy`: it reads, then writes back (H2C, then C2H). Each row is measured side by
side; `ratio` compares payload bytes per second of processor time, so that other work on the machine counts for neither.
Our simulator is tuned by a run of its own (`train` of sgdma.targets.sim.build); the other one's time is Python's.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from sgdma.engine.device import Dma, open_dma
from sgdma.paths import checkout_root
from sgdma.spec.build import BuildParameters
from sgdma.targets.sim.launch import run_inside

__all__ = ["inside", "run", "traffic"]

SHAPES = (
    {"rules": "unrestricted", "data_width": 64}, {"rules": "unrestricted", "data_width": 256},
    {"rules": "aligned64", "data_width": 256, "crc": 0, "queues": 1},
)  # fmt: skip
"""What is built: the core with all it has, and as lean as it can be."""
REQUEST = 4096
MODERATION = (32, 64)
"""Completions and units of 16 cycles to an interrupt: as a driver asks for that moves many small requests."""
BLOCK = 256 * REQUEST
"""Bytes under way at a time, on both sides: what a batch costs in itself counts for either alike."""
OURS, THEIRS = 16 * BLOCK, BLOCK
"""Bytes moved each way: a second or more of either."""
TRAINING = "copy"
"""Traffic by which our simulator is tuned: it takes both ways."""


def traffic(dma: Dma, size: int, kind: str) -> dict[str, float]:
    """Move `size` bytes in requests of 4 KiB, up to 256 at a time, through the card memory; what it took."""
    block = min(size, BLOCK)
    count, card = block // REQUEST, dma.fixture.read("memory_bytes")
    source, sink = dma.buffer(block, 4096), dma.buffer(block, 4096)
    source.array[:] = np.random.default_rng(1).integers(0, 256, block, np.uint8)
    places = np.arange(count) * REQUEST
    begin, cycles = time.process_time(), dma.now()
    for _ in range(size // block):
        dma.write_batch(source.iova + places, np.full(count, REQUEST), card_addresses=places % card).result()
        if kind == "copy":
            dma.read_batch(sink.iova + places, np.full(count, REQUEST), card_addresses=places % card).result()
    seconds, cycles = time.process_time() - begin, dma.now() - cycles
    # Card addresses wrap: the card holds the last of what was sent, and gives that.
    if kind == "copy" and not np.array_equal(source.array[-card:], sink.array[-card:]):
        raise AssertionError("what came back is not what was sent")
    dma.free(source)
    dma.free(sink)
    return {"bytes": size, "seconds": seconds, "cycles": cycles}


def inside(arguments: list[str]) -> int:
    """Within our simulator: measure and leave the figures in a file. Arguments: URL, kind, file."""
    url, kind, output = arguments
    with open_dma(url, moderation=MODERATION) as dma:
        Path(output).write_text(json.dumps(traffic(dma, OURS, kind)))
    return 0


def run() -> list[dict[str, Any]]:
    """Rows with fields data_width, traffic, ours_bytes_per_s, axiram_bytes_per_s, ours_cycles_per_s, ... and ratio."""
    sys.path.insert(0, str(checkout_root() / "cocotb_tests"))
    from witness.run import run_witness

    rows = []
    for shape in SHAPES:
        url = f"sim:?{urlencode(shape)}"
        for kind in ("read", "copy"):
            theirs = run_witness(BuildParameters(**shape), size=THEIRS, pauses=False, kind=kind)  # type: ignore[arg-type]
            with tempfile.TemporaryDirectory() as scratch:
                figures = Path(scratch) / "figures.json"
                call = [url, kind, str(figures)]
                run_inside(url, "sgdma.bench.sim:inside", call, train=[url, TRAINING, str(figures)])
                ours = json.loads(figures.read_text())
            rows.append(_row(shape, kind, ours, theirs))
    return rows


def _row(shape: dict[str, Any], kind: str, ours: dict[str, float], theirs: dict[str, float]) -> dict[str, Any]:
    speed, slow = ours["bytes"] / ours["seconds"], theirs["bytes"] / theirs["seconds"]
    return {
        "rules": shape["rules"], "data_width": shape["data_width"], "crc": shape.get("crc", 1),
        "queues": shape.get("queues", 4), "traffic": kind,
        "ours_bytes_per_s": round(speed), "axiram_bytes_per_s": round(slow),
        "ours_cycles_per_s": round(ours["cycles"] / ours["seconds"]),
        "axiram_cycles_per_s": round(theirs["cycles"] / theirs["seconds"]), "ratio": round(speed / slow, 1),
    }  # fmt: skip
