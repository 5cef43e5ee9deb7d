"""The part of docs/performance.md that the rows of the core's bench make: bars, chart and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sgdma.bench.core.bars import bars, lists
from sgdma.bench.core.chart import chart
from sgdma.bench.core.grid import DIRECTIONS, LATENCIES, WIDTHS
from sgdma.run.page import replace_section, table
from sgdma.run.record import write_atomically

__all__ = ["renew", "section"]

Row = dict[str, Any]
CHART = "performance-core.svg"


def renew(docs: Path, rows: Sequence[Row]) -> None:
    """Write the chart below `docs`, and the core's section of its performance.md."""
    replace_section(docs / "performance.md", "core", section(rows))
    write_atomically(docs / CHART, chart(rows))


def section(rows: Sequence[Row]) -> str:
    """Markdown of everything that the rows say."""
    return "\n".join([
        "### The bars", "", *_bars(rows), "",
        f"![payload and cycles over segment size and requests in flight]({CHART})", "",
        "### Cycles a segment", "",
        "64 requests of 32 segments in flight, one queue; the slowest of memory latencies "
        f"{', '.join(map(str, LATENCIES))}. In brackets: the share of it that R or W need at least.", "",
        *(line for way in DIRECTIONS for line in (*_sizes(lists(rows), way), "")),
        "### Requests of one segment", "", "1024 in flight, one queue, 64 B, by memory's latency.", "",
        *_singles(rows), "",
        "### One request on an empty device", "", "64 B, one segment, cycles.", "", *_latencies(rows), "",
    ])  # fmt: skip


def _bars(rows: Sequence[Row]) -> list[str]:
    return table(("what", "bar", "worst", "where", ""), (
        (bar.what, f"{'at most' if bar.most else 'at least'} {bar.limit:g}", f"{bar.found:g}", bar.where,
         "reached" if bar.reached else "**not reached**") for bar in bars(rows)
    ))  # fmt: skip


def _sizes(rows: Sequence[Row], direction: str) -> list[str]:
    slowest: dict[tuple[int, int], Row] = {}
    for row in sorted(rows, key=lambda row: float(row["of_limit"])):
        if row["direction"] == direction:
            slowest.setdefault((row["segment_size"], row["data_width"]), row)
    sizes = sorted({size for size, _ in slowest})
    return table((direction, *(f"{width} bit" for width in WIDTHS)),
                  ((f"{size} B", *(_cell(slowest.get((size, width))) for width in WIDTHS)) for size in sizes))


def _cell(row: Row | None) -> str:
    return f"{row['cycles_per_segment']:.2f} ({min(row['of_limit'], 1):.0%})" if row else ""


def _singles(rows: Sequence[Row]) -> list[str]:
    mine = {(row["data_width"], row["direction"], row["latency"]): row for row in rows
            if (row["segments_per_request"], row["in_flight"], row["queues"], row["segment_size"]) == (1, 1024, 1, 64)}
    kinds = dict.fromkeys((width, way) for width, way, _ in mine)
    return table(("", *(f"latency {latency}" for latency in LATENCIES)),
                  ((f"{width} bit {way}", *(_cell(mine.get((width, way, latency))) for latency in LATENCIES))
                   for width, way in kinds))  # fmt: skip


def _latencies(rows: Sequence[Row]) -> list[str]:
    mine = [row for row in rows if "doorbell_to_data" in row
            and (row["segments_per_request"], row["segment_size"], row["queues"]) == (1, 64, 1)]  # fmt: skip
    names = ("doorbell_to_data", "data_to_completion", "completion_to_interrupt")
    return table(("", "memory latency", "doorbell to first data address", "last data to completion write",
                   "completion response to interrupt", "in all"),
                  ((f"{row['data_width']} bit {row['direction']}", row["latency"], *(row[name] for name in names),
                    row["cycles"]) for row in mine))  # fmt: skip
