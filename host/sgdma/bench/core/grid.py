"""The points that the bench of the core measures, and the grids that they are grouped in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import product

from sgdma.errors import UsageError

__all__ = ["DIRECTIONS", "GRIDS", "LATENCIES", "SIZES", "WIDTHS", "Point", "points", "rules_for"]

WIDTHS = (64, 128, 256, 512)
DIRECTIONS = ("h2c", "c2h", "both")
SIZES = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 65536)
LATENCIES = (1, 16, 64, 256)
IN_FLIGHT = (1, 2, 8, 64, 1024)
QUEUES = (1, 4)
LISTS = (1, 32)
GRIDS = ("guard", "published", "full")


@dataclasses.dataclass(frozen=True)
class Point:
    """One measurement. ``data_width`` in bits, ``segment_size`` in bytes, ``latency`` of memory in cycles.

    ``in_flight``: requests of each direction that are kept under way, dealt out to ``queues`` queue pairs in turn.
    """

    data_width: int
    direction: str
    segment_size: int
    segments_per_request: int
    latency: int
    in_flight: int
    queues: int

    @property
    def rules(self) -> str:
        """The rule set of the build that this point needs."""
        return rules_for(self.segment_size)


def rules_for(segment_size: int) -> str:
    """A build without realigners where the size allows it, else the one that takes any size and place."""
    return "aligned64" if segment_size % 64 == 0 else "unrestricted"


def points(grid: str) -> list[Point]:
    """All points of a grid, those of one build together. Raises UsageError for an unknown name."""
    makers = {"guard": _guard, "published": _published, "full": _full}
    if grid not in makers:
        raise UsageError(f"grid {grid!r}: unknown; there are {', '.join(makers)}")
    unique = dict.fromkeys(makers[grid]())
    return sorted(unique, key=lambda point: (point.data_width, point.rules))


def _guard() -> Iterator[Point]:
    for width in (64, 256):
        for direction, size, latency in (("c2h", 64, 256), ("h2c", 64, 64), ("both", 256, 64), ("h2c", 4096, 256)):
            yield Point(width, direction, size, 32, latency, 64, 1)
        yield Point(width, "c2h", 64, 1, 64, 1024, 4)
        for direction in ("h2c", "c2h"):
            yield Point(width, direction, 64, 1, 16, 1, 1)


def _published() -> Iterator[Point]:
    """What docs/performance.md shows: every size, latency and width at 64 requests of 32, and slices of the rest."""
    for width, direction, size, latency in product(WIDTHS, DIRECTIONS, SIZES, LATENCIES):
        if size >= 64 or latency == 64:
            yield Point(width, direction, size, 32, latency, 64, 1)
    for width, direction, size in product((64, 256), DIRECTIONS, (64, 256, 4096)):
        for latency in LATENCIES:
            yield Point(width, direction, size, 1, latency, 1024, 1)
        yield Point(width, direction, size, 1, 64, 1024, 4)
        for in_flight, queues in product((*IN_FLIGHT, 4096), QUEUES):
            if direction != "both" or in_flight < 4096:  # a ring holds no 8192 requests of 32
                yield Point(width, direction, size, 32, 64, in_flight, queues)
    for width, direction, latency in product(WIDTHS, ("h2c", "c2h"), LATENCIES):
        yield Point(width, direction, 64, 1, latency, 1, 1)


def _full() -> Iterator[Point]:
    shapes = product(WIDTHS, DIRECTIONS, SIZES, LISTS, LATENCIES, IN_FLIGHT, QUEUES)
    yield from (Point(*shape) for shape in shapes)
    yield from _published()
