"""The report's pictures: SVG that takes its colours from the page, so that it reads in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from math import log2
from typing import Any

from sgdma.run.alignment import BOUNCED, DIRECT, MIXED, REJECTED, AlignmentMap

__all__ = ["alignment", "distribution", "throughput"]

WIDTH, HEIGHT = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 24, 12, 40
KINDS = {DIRECT: "direct", MIXED: "mixed", BOUNCED: "bounced", REJECTED: "rejected"}

_POINT = ("{target} {direction}, {segment_size} bytes: {bytes_per_cycle:.2f} bytes a cycle, "
          "{utilisation:.1%} of the limit, {cycles_per_segment:.1f} cycles a segment")  # fmt: skip


class Frame:
    """A plot area: `x` from low to high on a log scale, `y` from 0 to `top`."""

    def __init__(self, label: str, x: tuple[float, float], top: float) -> None:
        self.low, self.high, self.top = x[0], max(x[1], x[0] * 1.01), top
        self.parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']

    def x(self, value: float) -> float:
        """Place of a value from the left."""
        span = log2(self.high) - log2(self.low)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (log2(value) - log2(self.low)) / span, 1)

    def y(self, value: float) -> float:
        """Place of a value from the top."""
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top, 1)

    def add(self, part: str) -> None:
        """Append an element."""
        self.parts.append(part)

    def axes(self, x_ticks: Sequence[float], y_ticks: Sequence[float], x_title: str, y_title: str) -> None:
        """Grid lines, tick labels and titles."""
        for tick in y_ticks:
            y = self.y(tick)
            self.add(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
            self.add(_text(LEFT - 6, y + 4, f"{tick:g}", "end"))
        for tick in x_ticks:
            self.add(_text(self.x(tick), HEIGHT - BOTTOM + 16, _short(tick)))
        self.add(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_title))
        self.add(_upright((TOP + HEIGHT - BOTTOM) / 2, y_title))

    def text(self) -> str:
        """The whole element."""
        return "".join([*self.parts, "</svg>"])


def throughput(rows: Sequence[dict[str, Any]], direction: str) -> str:
    """Bytes a cycle over segment size of one direction: a line a target, dashed what the bus allows."""
    mine = [row for row in rows if row["direction"] == direction]
    if not mine:
        return ""
    sizes = sorted({row["segment_size"] for row in mine})
    top = max(row["bus"] for row in mine)
    frame = Frame(f"throughput {direction}", (sizes[0], sizes[-1]), top * 1.06)
    frame.axes(sizes, [top * part / 4 for part in range(5)], "segment size in bytes", "bytes a cycle")
    names = list(dict.fromkeys((row["target"], row.get("rules", "")) for row in mine))
    for index, name in enumerate(names):
        of_target = sorted((row for row in mine if (row["target"], row.get("rules", "")) == name),
                           key=lambda row: row["segment_size"])  # fmt: skip
        measured = [(row["segment_size"], row["bytes_per_cycle"]) for row in of_target]
        frame.add(f'<polyline class="line s{index % 4}" points="{_points(frame, measured)}"/>')
        limit = [(row["segment_size"], row["limit"]) for row in of_target]
        frame.add(f'<polyline class="limit" points="{_points(frame, limit)}"/>')
        for row in of_target:
            told = _POINT.format(**row)
            place = f'cx="{frame.x(row["segment_size"])}" cy="{frame.y(row["bytes_per_cycle"])}"'
            frame.add(f'<circle class="dot s{index % 4}" {place} r="4"><title>{escape(told)}</title></circle>')
            if index == 0:
                x, y = frame.x(row["segment_size"]), frame.y(row["bytes_per_cycle"]) + 18
                frame.add(_text(x, y, f"{row['utilisation']:.1%}"))
    return frame.text()


def distribution(edges: Sequence[float], counts: Sequence[int], label: str) -> str:
    """A histogram over cycles, bins of equal ratio."""
    peak = max(counts)
    frame = Frame(label, (edges[0], edges[-1]), peak * 1.05)
    first, last = edges[0], edges[-1]
    powers = [2.0**power for power in range(64) if first <= 2**power <= last]
    every = max(1, len(powers) // 7)
    ticks = [0, peak // 2, peak] if peak > 1 else [0, 1]
    frame.axes(powers[::every], ticks, "cycles from doorbell to completion", "requests")
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            x, y = frame.x(low), frame.y(count)
            shape = f'x="{x + 1}" y="{y}" width="{max(1.0, frame.x(high) - x - 2):.1f}" height="{frame.y(0) - y:.1f}"'
            told = f"{low:.0f} to {high:.0f} cycles: {count} requests"
            frame.add(f'<rect class="bar" {shape} rx="1.5"><title>{told}</title></rect>')
    return frame.text()


def alignment(found: AlignmentMap) -> str:
    """The map as cells; neighbours of one kind in a row are one rectangle."""
    cell, left, bottom = 6, LEFT, 40
    height, width = len(found.lengths) * cell, len(found.offsets) * cell
    label = f"alignment map {found.direction.name}"
    parts = [f'<svg viewBox="0 0 {left + width + RIGHT} {height + bottom + TOP}" role="img" aria-label="{label}">']
    for row, length in enumerate(found.lengths.tolist()):
        y, column = TOP + height - (row + 1) * cell, 0
        for kind, run in groupby(found.cells[row].tolist()):
            count = len(list(run))
            first, last = int(found.offsets[column]), int(found.offsets[column + count - 1])
            where = f"offset {first}" if count == 1 else f"offsets {first} to {last}"
            shape = f'x="{left + column * cell}" y="{y}" width="{count * cell}" height="{cell}"'
            told = f"{length} bytes at {where}: {KINDS[kind]}"
            parts.append(f'<rect class="{KINDS[kind]}" {shape}><title>{told}</title></rect>')
            column += count
    for index in range(0, len(found.offsets) + 1, 16):
        offset = int(found.offsets[1]) * index
        parts.append(_text(left + index * cell, TOP + height + 15, str(offset)))
        length = int(found.lengths[0]) * index
        parts.append(_text(left - 6, TOP + height - index * cell + 4, str(length), "end"))
    parts.append(_text(left + width / 2, TOP + height + 33, "offset of the buffer"))
    return "".join([*parts, _upright(TOP + height / 2, "length in bytes"), "</svg>"])


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _upright(y: float, text: str) -> str:
    """The title of a vertical axis, centred on `y`."""
    return f'<text transform="translate(12 {y}) rotate(-90)" text-anchor="middle">{escape(text)}</text>'


def _points(frame: Frame, values: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{frame.x(x)},{frame.y(y)}" for x, y in values)


def _short(value: float) -> str:
    return f"{value / 1024:g}K" if value >= 1024 else f"{value:g}"
