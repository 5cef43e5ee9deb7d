"""How many requests a second the driver plans, writes, rings and completes on the model: batch path and one by one.

``python -m sgdma.bench.host`` prints the rows. The model's own work is part of the figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sgdma.engine.device import Dma, open_dma

__all__ = ["run"]

SIZE = 64


def run(url: str = "model:", requests: int = 20_000, singles: int = 1000) -> list[dict[str, Any]]:
    """Rows of path, requests and requests per second (host time)."""
    with open_dma(url) as dma:
        area = dma.buffer(SIZE * requests + 8, 64)
        starts, cards = area.iova + SIZE * np.arange(requests), SIZE * np.arange(requests) % 65536
        sizes = np.full(requests, SIZE)
        paths: list[tuple[str, int, Callable[[], Any]]] = [
            ("write_batch", requests, lambda: dma.write_batch(starts, sizes, card_addresses=cards).result()),
            ("read_batch", requests, lambda: dma.read_batch(starts + 8, sizes, card_addresses=cards).result()),
            ("read_batch, all bounced", requests, lambda: dma.read_batch(starts, sizes, card_addresses=cards).result()),
            ("write, one by one", singles, lambda: _singles(dma, starts[:singles].tolist())),
        ]
        return [_row(path, count, work) for path, count, work in paths]


def _singles(dma: Dma, starts: list[int]) -> None:
    for start in starts:
        dma.write((start, SIZE))
    dma.wait_all()


def _row(path: str, requests: int, work: Callable[[], Any]) -> dict[str, Any]:
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    return {"path": path, "requests": requests, "per_second": requests / seconds}


if __name__ == "__main__":
    from rich.console import Console

    for row in run():
        Console().print(f"{row['path']:<24} {row['per_second']:10.0f} requests/s")
