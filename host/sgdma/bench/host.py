"""How many requests a second the driver plans, writes, rings and completes: batches, and one by one.

On ``null:``, where no device is in the way, and on ``model:``, whose own work is part of the figures. Requests of
64 KiB, in one piece and in 16 scattered ones, and of 64 bytes that must be bounced; `times` compares a batch with the
same requests one by one. The last row shows that memory stays flat.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from sgdma.engine.device import Dma, open_dma

__all__ = ["run"]

TARGETS = ("null:?rules=aligned64&queues=2", "model:?rules=aligned64&queues=2")
SHAPES = (("scattered", 16, 4096, 0), ("whole", 1, 65536, 0), ("bounced", 1, 64, 8))
"""What, pieces, bytes of each, and how far each lies off its page."""
AREA = 16 << 20
BATCH, SINGLES = 4096, 100
MODEL_BATCH = 256
"""The model moves every byte: fewer requests take as long."""

I64 = npt.NDArray[np.int64]


def run(target: str = "", requests: int = 10_000_000, seconds: float = 1.0) -> list[dict[str, Any]]:
    """Rows of target, requests, path and requests per second (median of batches that take `seconds` in all).

    `target`: one instead of both. `requests`: how many the row of memory is measured over.
    """
    rows = []
    for url in (target,) if target else TARGETS:
        size = BATCH if url.startswith("null:") else MODEL_BATCH
        with open_dma(url, interrupts=False, contexts=2 * BATCH, sq_log2=17, cq_log2=13) as dma:
            for name, pieces, length, shift in SHAPES:
                rows += _speeds(dma, {"target": url, "request": name, "pieces": pieces}, length, shift, size, seconds)
    if not target or target.startswith("null:"):
        rows.append(_memory(target or TARGETS[0], requests))
    return rows


def _speeds(dma: Dma, told: dict[str, Any], length: int, shift: int, size: int, seconds: float) -> list[dict[str, Any]]:
    """Two rows: the batch, and the same requests one by one."""
    area = dma.buffer(AREA, 4096)
    starts = area.iova + shift + _scattered(size * told["pieces"], length)
    sizes = np.full(len(starts), length)
    offsets = np.arange(0, len(starts) + 1, told["pieces"])
    listed = list(zip(starts.tolist(), sizes.tolist(), strict=True))
    single = [listed[start : start + told["pieces"]] for start in offsets[: min(size, SINGLES)].tolist()]

    def one_by_one() -> None:
        for pieces in single:
            dma.write(pieces)
        dma.wait_all()

    slow = _per_second(one_by_one, len(single), seconds)
    fast = _per_second(lambda: dma.write_batch(starts, sizes, offsets).result(), size, seconds)
    dma.free(area)
    return [
        told | {"path": "batch", "per_second": round(fast), "times": fast / slow},
        told | {"path": "one by one", "per_second": round(slow), "times": 1.0},
    ]


def _scattered(count: int, length: int) -> I64:
    """Places in the area: every other page, so that no two pages are neighbours."""
    places: I64 = np.random.default_rng(1).integers(0, (AREA - length) // 8192, count) * 8192
    return places


def _per_second(work: Callable[[], Any], requests: int, seconds: float) -> float:
    work()
    times: list[float] = []
    while sum(times) < seconds:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return requests / median(times)


def _memory(url: str, requests: int) -> dict[str, Any]:
    """Resident memory after a tenth of so many requests and after all of them."""
    early = 0.0
    with open_dma(url, interrupts=False, contexts=2 * BATCH, sq_log2=17, cq_log2=13) as dma:
        area = dma.buffer(AREA, 4096)
        starts, sizes = area.iova + _scattered(BATCH, 4096), np.full(BATCH, 4096)
        begin = time.perf_counter()
        for done in range(0, requests, BATCH):
            if not early and done >= requests // 10:
                early = _resident_mb()
            dma.write_batch(starts, sizes).result()
        taken = time.perf_counter() - begin
    return {
        "target": url, "request": "4 KiB", "pieces": 1, "path": "memory", "per_second": round(requests / taken),
        "requests": requests, "mb_after_a_tenth": early, "mb_at_the_end": _resident_mb(),
    }  # fmt: skip


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no such file outside Linux: the peak has to do
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / (1 << 20)
