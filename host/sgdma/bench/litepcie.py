"""LitePCIe's own DMA beside the core: cycles a segment on the same memory, LitePCIe at its PHY's streams of TLPs.

In LitePCIe's favour: its descriptors come from the chip and cost no bus, it writes no completion records, and a read of
up to 512 bytes is answered by one completion. Against it: its streams carry the headers of TLPs, which AXI has not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from sgdma.bench import core
from sgdma.bench.core.grid import LATENCIES, Point
from sgdma.paths import checkout_root
from sgdma.run.page import replace_section, table

__all__ = ["SHOWN", "document", "run"]

SHOWN = ("core", "data_width", "direction", "segment_size", "latency", "cycles_per_segment", "utilisation")
NAMES = ("sgdma", "litepcie")
WIDTHS, SIZES = (64, 128, 256), (64, 256, 4096)


def run() -> list[dict[str, Any]]:
    """Rows of both cores, ``core`` says whose. Ours: 64 requests of 32 segments in flight, descriptors in memory."""
    points = [Point(width, way, size, 32, latency, 64, 1) for width in WIDTHS for way in ("h2c", "c2h")
              for size in SIZES for latency in LATENCIES]  # fmt: skip
    theirs = [_measured(point) for point in points]
    ours = core.measured(points)
    pairs = zip(ours, theirs, strict=True)
    return [row for mine, other in pairs for row in ({"core": "sgdma"} | mine, {"core": "litepcie"} | other)]


def document(rows: Sequence[dict[str, Any]]) -> None:
    """Renew the comparison in docs/performance.md."""
    cells = {(row["core"], row["data_width"], row["direction"], row["segment_size"], row["latency"]):
             f"{row['cycles_per_segment']:.4g}" for row in rows}  # fmt: skip
    lines = table(
        ("", "segments", "bus moves payload in", "sgdma", "LitePCIe"),
        ((f"{width} bit {way}", f"{size} B", size * 8 // width,
          *(" / ".join(cells[name, width, way, size, latency] for latency in LATENCIES) for name in NAMES))
         for width in WIDTHS for way in ("h2c", "c2h") for size in SIZES))  # fmt: skip
    replace_section(checkout_root() / "docs" / "performance.md", "litepcie", "\n".join([*lines, ""]))


def _measured(point: Point) -> dict[str, Any]:
    """`utilisation` is that of the stream of TLPs, headers included; descriptors are there without end."""
    sys.path.insert(0, str(checkout_root() / "cocotb_tests"))
    from peers.litepcie import WINDOW, measure

    payload, busy = measure(point.data_width, point.direction == "h2c", point.segment_size, point.latency)
    cycles = WINDOW * (point.segment_size * 8 / point.data_width) / payload
    return {
        "data_width": point.data_width, "direction": point.direction, "segment_size": point.segment_size,
        "segments_per_request": 1, "latency": point.latency, "in_flight": None, "queues": 1,
        "cycles_per_segment": round(cycles, 4), "utilisation": round(busy / WINDOW, 4),
        "bytes_per_cycle": round(point.segment_size / cycles, 4),
    }  # fmt: skip
