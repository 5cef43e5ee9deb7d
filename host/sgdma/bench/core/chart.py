"""The chart of the core's bench: what is moved over segment size, and how it holds with few requests in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from sgdma.bench.core.bars import lists
from sgdma.bench.core.grid import DIRECTIONS, WIDTHS
from sgdma.run.svg import HEIGHT, WIDTH, Frame

__all__ = ["STYLE", "chart"]

Row = dict[str, Any]
TITLE, LEGEND = 26, 40
STYLE = """
svg { --ink: #1b1f27; --soft: #5d6675; --line: #dfe3ea; --page: #fff; --s0: #2667c9; --s1: #d3620e; --s2: #16816b;
  --s3: #8a3fb0; --limit: #7a8494 }
@media (prefers-color-scheme: dark) { svg { --ink: #e7eaf0; --soft: #9aa4b4; --line: #303745; --page: #12151b;
  --s0: #6ea6ff; --s1: #ff9f55; --s2: #4fc9ae; --s3: #d096ee; --limit: #8993a5 } }
text { fill: var(--soft); font: 11px system-ui, sans-serif }
.title { fill: var(--ink); font-size: 13px; font-weight: 600 }
.page { fill: var(--page) } .grid { stroke: var(--line) } .line { fill: none; stroke-width: 2; stroke: var(--c) }
.limit { fill: none; stroke: var(--limit); stroke-width: 1.2; stroke-dasharray: 4 4 } .dot { fill: var(--c) }
.s0 { --c: var(--s0) } .s1 { --c: var(--s1) } .s2 { --c: var(--s2) } .s3 { --c: var(--s3) }
"""


def chart(rows: Sequence[Row]) -> str:
    """A stand-alone SVG of what the rows can show: a column a direction, a line a data width."""
    panels = [
        ("payload, lists of 32, 64 in flight", [_sizes(lists(rows), way) for way in DIRECTIONS]),
        ("32 x 64 B over requests in flight", [_in_flight(rows, way) for way in DIRECTIONS]),
    ]
    parts, y = [], LEGEND
    for title, frames in panels:
        if not any(frames):
            continue
        for column, (way, frame) in enumerate(zip(DIRECTIONS, frames, strict=True)):
            x = column * WIDTH
            parts.append(f'<text class="title" x="{x + 46}" y="{y + 16}">{way}: {escape(title)}</text>')
            if frame:
                parts.append(_placed(frame, x, y + TITLE))
        y += TITLE + HEIGHT + 12
    width = WIDTH * len(DIRECTIONS)
    return "".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="img" '
        f'aria-label="bench of the core"><style>{STYLE}</style><rect class="page" width="{width}" height="{y}"/>',
        _legend(), *parts, "</svg>\n",
    ])  # fmt: skip


def _placed(frame: str, x: int, y: int) -> str:
    return frame.replace("<svg ", f'<svg x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" ', 1)


def _legend() -> str:
    entries = [
        f'<g class="s{index}"><line class="line" x1="{46 + 90 * index}" x2="{66 + 90 * index}" y1="18" y2="18"/></g>'
        f'<text x="{72 + 90 * index}" y="22">{width} bit</text>' for index, width in enumerate(WIDTHS)
    ]  # fmt: skip
    x = 46 + 90 * len(WIDTHS)
    dashes = f'<line class="limit" x1="{x}" x2="{x + 20}" y1="18" y2="18"/>'
    return "".join([*entries, dashes, f'<text x="{x + 26}" y="22">limit of R and W</text>'])


def _sizes(rows: Iterable[Row], direction: str) -> str:
    """The slowest latency of each size."""
    mine = [row for row in rows if row["direction"] == direction]
    if not mine:
        return ""
    ways = 2 if direction == "both" else 1

    def share(row: Row) -> float:
        return float(row["bytes_per_cycle"] / (row["data_width"] / 8 * ways))

    sizes = sorted({row["segment_size"] for row in mine})
    frame = _frame(f"payload {direction}", sizes, "segment size in bytes", "of the bus, both ways" if ways == 2
                   else "of the bus")  # fmt: skip
    _lines(frame, mine, "segment_size", share, limit=lambda row: share(row) / row["of_limit"])
    return frame.text()


def _in_flight(rows: Iterable[Row], direction: str) -> str:
    mine = [row for row in rows if row["direction"] == direction and row["segment_size"] == 64
            and row["segments_per_request"] == 32 and row["queues"] == 1 and row["latency"] == 64]  # fmt: skip
    counts = sorted({row["in_flight"] for row in mine})
    if len(counts) < 2:
        return ""
    widths = {row["data_width"] for row in mine if row["in_flight"] != 64}
    frame = _frame(f"in flight {direction}", counts, "requests in flight, memory latency 64", "of what the bus allows")
    _lines(frame, [row for row in mine if row["data_width"] in widths], "in_flight", lambda row: float(row["of_limit"]))
    return frame.text()


def _frame(label: str, ticks: Sequence[int], x_title: str, y_title: str) -> Frame:
    frame = Frame(label, (ticks[0], ticks[-1]), 1.05)
    frame.axes(ticks, (0, 0.25, 0.5, 0.75, 1), x_title, y_title)
    return frame


def _lines(
    frame: Frame, rows: Sequence[Row], axis: str, value: Callable[[Row], float],
    limit: Callable[[Row], float] | None = None,
) -> None:  # fmt: skip
    for index, width in enumerate(WIDTHS):
        slowest: dict[int, Row] = {}
        for row in sorted((row for row in rows if row["data_width"] == width), key=lambda row: float(row["of_limit"])):
            slowest.setdefault(row[axis], row)
        places = sorted(slowest)
        if limit and places:
            frame.add(f'<polyline class="limit" points="{_points(frame, slowest, places, limit)}"/>')
        if places:
            frame.add(f'<polyline class="line s{index}" points="{_points(frame, slowest, places, value)}"/>')
        for place in places:
            row = slowest[place]
            cycles, share = row["cycles_per_segment"], row["of_limit"]
            told = f"{width} bit, {place}: {cycles} cycles a segment, {share:.1%} of the limit"
            x, y = frame.x(place), frame.y(min(value(row), 1.0))
            frame.add(f'<circle class="dot s{index}" cx="{x}" cy="{y}" r="3"><title>{escape(told)}</title></circle>')


def _points(frame: Frame, rows: dict[int, Row], places: Sequence[int], value: Callable[[Row], float]) -> str:
    return " ".join(f"{frame.x(place)},{frame.y(min(value(rows[place]), 1.0))}" for place in places)
