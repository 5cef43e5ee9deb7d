"""What the serial links must reach, as figures that rows can miss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sgdma.bench.core.bars import Bar

__all__ = ["bars"]

Row = dict[str, Any]


def bars(rows: Sequence[Row]) -> list[Bar]:
    """The worst row of each bar."""
    ours = [row for row in rows if row["link"] == "reliable"]
    theirs = {(row["baud"], row["latency_ms"]): row for row in rows if row["link"] == "commuart"}

    def times(name: str) -> Callable[[Row], float]:
        return lambda row: float(row[name]) / float(theirs[row["baud"], row["latency_ms"]][name])

    slow = [row for row in ours if (row["baud"], row["latency_ms"]) == (3_000_000, 16)]
    return [
        _bar("bulk write, payload over what the wire carries", 0.95, ours, lambda row: row["write"]),
        _bar("bulk read, payload over what the wire carries", 0.95, ours, lambda row: row["read"]),
        _bar("one register, turn-arounds", 1.5, ours, lambda row: row["turn_arounds"], most=True),
        _bar("bulk read over CommUART's, 3 Mbaud, 16 ms", 5, slow, times("read_kb_s")),
        _bar("bulk write over CommUART's", 1.1, ours, times("write_kb_s")),
        _bar("words wrong and pieces failed while bytes are lost", 0, ours,
             lambda row: row["damaged"] + row["failed"], most=True),
    ]


def _bar(what: str, limit: float, rows: Sequence[Row], figure: Callable[[Row], float], most: bool = False) -> Bar:
    worst = (max if most else min)(rows, key=figure)
    where = f"{worst['baud'] / 1e6:g} Mbaud, {worst['latency_ms']} ms"
    found = figure(worst)
    return Bar(what, limit, round(found, 4), where, most)
