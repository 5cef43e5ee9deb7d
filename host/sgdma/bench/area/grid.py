"""The configurations whose area is measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sgdma.errors import UsageError
from sgdma.spec.build import BuildParameters

__all__ = ["GRIDS", "Point", "points"]


@dataclass(frozen=True)
class Point:
    """One configuration; ``data_width`` in bits. CRC off, no fixture, the rest as :class:`BuildParameters` has it."""

    data_width: int = 64
    queue_pairs: int = 1
    rules: str = "aligned64"

    @property
    def build(self) -> BuildParameters:
        """What to generate."""
        return BuildParameters(rules=self.rules, data_width=self.data_width, queues=self.queue_pairs, crc=0, fixture=0)

    def __str__(self) -> str:
        return "/".join(map(str, asdict(self).values()))


_BYTES = Point(rules="unrestricted")
GRIDS = {
    "guard": (Point(),),
    "published": (Point(), Point(queue_pairs=4), Point(128), Point(256), _BYTES),
    "full": (*(Point(width, queues) for width in (64, 128, 256) for queues in (1, 4)), _BYTES),
}


def points(grid: str) -> tuple[Point, ...]:
    """Those of a grid's name, or as listed: ``64/1/aligned64,256/4/peculiar``. Raises UsageError."""
    if grid in GRIDS:
        return GRIDS[grid]
    try:
        listed = [text.split("/", 2) for text in grid.split(",")]
        return tuple(Point(int(width), int(queues), rules) for width, queues, rules in listed)
    except ValueError:
        form = "configurations like 64/1/aligned64,256/4/peculiar (bits, queue pairs, rules)"
        raise UsageError(f"grid {grid!r}: is none of {', '.join(GRIDS)}, nor {form}") from None
