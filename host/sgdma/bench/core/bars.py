"""The bars that the core is held to, and what the rows say about each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Bar", "bars", "lists"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """One bar: the worst row's figure against the limit. ``most``: the limit is an upper one."""

    what: str
    limit: float
    found: float
    where: str
    most: bool = True
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether the worst row keeps the limit."""
        return self.found <= self.limit if self.most else self.found >= self.limit


def lists(rows: Iterable[Row]) -> list[Row]:
    """Rows of 64 requests of 32 segments in one queue: the load that most bars speak of."""
    shape = {"segments_per_request": 32, "in_flight": 64, "queues": 1}
    return [row for row in rows if all(row[name] == value for name, value in shape.items())]


def bars(rows: Sequence[Row]) -> list[Bar]:
    """All bars that these rows can say something about."""
    found = [*_throughput(lists(rows)), *_small(lists(rows)), *_both(lists(rows)), *_single(rows), *_growth(rows)]
    return [bar for bar in found if bar]


def _worst(
    what: str, limit: float, rows: Iterable[Row], value: Callable[[Row], float], most: bool = True, unit: str = ""
) -> Bar | None:
    mine = list(rows)
    if not mine:
        return None
    row = (max if most else min)(mine, key=value)
    where = f"{row['data_width']} bit {row['direction']}, {row['segment_size']} B, latency {row['latency']}"
    return Bar(what, limit, round(value(row), 4), where, most, unit)


def _throughput(rows: list[Row]) -> list[Bar | None]:
    def of(direction: str, **shape: Any) -> list[Row]:
        return [row for row in rows if row["direction"] == direction and row["segment_size"] >= 64
                and all(row[name] == value for name, value in shape.items())]  # fmt: skip

    def up_to_256(direction: str) -> list[Row]:
        return [row for row in of(direction) if row["data_width"] <= 256]  # 512 bit has a line of its own

    found = [_worst("C2H, 64 B and more, up to 256 bit: W busy", 0.98, up_to_256("c2h"),
                    lambda row: row["w_utilisation"], most=False)]  # fmt: skip
    for width, size, limit in ((64, 64, 8.16), (64, 256, 32.6), (64, 4096, 522), (256, 64, 2.1)):
        mine = of("c2h", data_width=width, segment_size=size)
        found.append(_worst(f"C2H, {width} bit, {size} B: cycles a segment", limit, mine, _cycles))
    return [
        *found,
        _worst("H2C, 64 B and more, up to 256 bit: R busy", 0.98, up_to_256("h2c"), lambda row: row["r_utilisation"],
               most=False),
        _worst("H2C, 64 B: descriptor bytes a segment", 17, of("h2c", segment_size=64),
               lambda row: row["descriptor_bytes_per_segment"]),
    ]  # fmt: skip


def _cycles(row: Row) -> float:
    return float(row["cycles_per_segment"])


def _of_limit(row: Row) -> float:
    return float(row["of_limit"])


def _small(rows: list[Row]) -> list[Bar | None]:
    def over_beats(row: Row) -> float:
        beats: int = -(-row["segment_size"] // (row["data_width"] // 8))
        return _cycles(row) - beats

    return [
        _worst(f"{way.upper()} below 64 B: cycles a segment over its beats", 2,
               [row for row in rows if row["direction"] == way and row["segment_size"] < 64], over_beats)
        for way in ("h2c", "c2h")
    ]  # fmt: skip


def _both(rows: list[Row]) -> list[Bar | None]:
    shape = ("data_width", "segment_size", "latency")
    alone = {(row["direction"], *(row[name] for name in shape)): row["cycles_per_segment"] for row in rows}
    both = [row for row in rows if row["direction"] == "both" and row["segment_size"] >= 64]

    def slower(row: Row) -> float:
        key = tuple(row[name] for name in shape)
        return float(max(row[f"{way}_cycles_per_segment"] / alone[way, *key] for way in ("h2c", "c2h")))

    known = [row for row in both if all((way, *(row[name] for name in shape)) in alone for way in ("h2c", "c2h"))]
    large = [row for row in known if row["segment_size"] >= 4096]
    up_to_256 = [row for row in both if row["data_width"] <= 256]
    widest = [row for row in rows if row["data_width"] == 512 and row["segment_size"] >= 64]
    return [
        _worst("both at once, 4 KiB and more: cycles over those alone", 1.03, large, slower),
        _worst("both at once, 64 B and more: of what R and W allow", 0.98, up_to_256, _of_limit, most=False),
        _worst("512 bit, 64 B and more: of what R and W allow", 0.98, widest, _of_limit, most=False),
    ]


def _single(rows: Iterable[Row]) -> list[Bar | None]:
    ones = [row for row in rows if row["in_flight"] == 1 and row["segments_per_request"] == 1
            and row["segment_size"] == 64]  # fmt: skip

    def after(name: str, minus: str = "") -> Callable[[Row], float]:
        return lambda row: float(row[name] - (row[minus] or 0 if minus else 0))

    spans = (("doorbell to first data address, beyond memory's latency", 10, after("doorbell_to_data", "latency")),
             ("last data beat or its response to completion write", 6, after("data_to_completion")),
             ("completion response to interrupt", 4, after("completion_to_interrupt")))  # fmt: skip
    return [
        _worst(f"one {way.upper()} request of 64 B: {what}", limit,
               [row for row in ones if row["direction"] == way and "doorbell_to_data" in row], value, unit="cycles")
        for way in ("h2c", "c2h") for what, limit, value in spans
    ]  # fmt: skip


def _growth(rows: Sequence[Row]) -> list[Bar | None]:
    lists_of_32 = [row for row in rows if row["segments_per_request"] == 32 and row["in_flight"] >= 64]
    ones = [row for row in rows if row["segments_per_request"] == 1 and row["in_flight"] >= 1024]
    return [_spread("lists of 32, from 64 to 4096 in flight and from 1 to 4 queues", lists_of_32),
            _spread("requests of one segment, from 1 to 4 queues", ones)]  # fmt: skip


def _spread(what: str, rows: Iterable[Row]) -> Bar | None:
    """The largest ratio of cycles between rows that differ in load alone."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in ("data_width", "direction", "segment_size", "latency"))].append(row)
    ratio = {id(group[0]): max(map(_cycles, group)) / min(map(_cycles, group)) for group in groups.values()}
    compared = [group[0] for group in groups.values() if len(group) > 1]
    return _worst(f"{what}: slowest over fastest", 1.01, compared, lambda row: ratio[id(row)])
