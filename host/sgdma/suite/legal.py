"""Requests that a device's rules allow, made from the rules alone: whatever the set, the suite stays the same.

Nothing here knows a rule set by name. What is made is held against :func:`sgdma.rules.check_request` at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sgdma.errors import OutOfMemory
from sgdma.rules import Direction, DirectionRules, RuleSet, check_request

__all__ = ["Composer", "Legal", "period"]

I64 = npt.NDArray[np.int64]
OFFSETS = 24
"""Places tried for one segment."""
LENGTHS = 48
"""Lengths tried at one place."""


@dataclass(frozen=True)
class Legal:
    """A request that breaks no rule: segments (bus address, bytes) of one direction, and its card address."""

    direction: Direction
    segments: tuple[tuple[int, int], ...]
    card: int = 0

    @property
    def total(self) -> int:
        """Bytes of the request."""
        return sum(length for _, length in self.segments)


def period(side: DirectionRules) -> int:
    """What the rules on addresses repeat at, segment_boundary apart; a power of two, at least 64."""
    return max(side.address_align, side.skew_modulus, side.residue_match, side.gap_boundary, side.end_modulus, 64)


class Composer:
    """Lays legal requests into a stretch of memory, ``base .. base + size``, none touching another.

    Between two segments at least `apart` bytes stay free, as guards. Raises OutOfMemory when the memory is used up,
    ValueError when the rules leave no choice.
    """

    def __init__(
        self, rules: RuleSet, direction: Direction, base: int, size: int, rng: np.random.Generator, apart: int = 1
    ) -> None:
        self.rules, self.direction, self.side = rules, direction, rules.direction(direction)
        self.cursor, self.end, self.rng, self.apart = base, base + size, rng, apart
        self.period = period(self.side)

    def request(self, count: int = 1, length: int = 64, card: int = 0, most: int = 1 << 62) -> Legal:
        """A request of `count` segments (or as many as the rules allow) of about `length` bytes each.

        It starts at card address `card`; a total above `most` is refused by ValueError.
        """
        count = min(count, self.side.max_segments)
        segments: list[tuple[int, int]] = []
        total = 0
        for index in range(count):
            address, size = self._segment(length, index == 0, index == count - 1, card + total, total)
            segments.append((address, size))
            total += size
        made = Legal(self.direction, tuple(segments), card)
        if total > min(most, self.side.max_request_size):
            raise ValueError(f"{count} segments of about {length} bytes are {total} bytes: too many")
        addresses, lengths = zip(*segments, strict=True)
        violation = check_request(self.rules, self.direction, np.array(addresses, np.uint64),
                                  np.array(lengths, np.uint64), card)  # fmt: skip
        assert violation is None, f"the generator made an illegal request: {violation}"
        return made

    def _segment(self, length: int, first: bool, last: bool, card: int, before: int) -> tuple[int, int]:
        side = self.side
        for _ in range(4):
            base = -(-(self.cursor + self.apart) // self.period) * self.period
            for offset in self._offsets(first, card).tolist():
                sizes = self._sizes(base + offset, length, last, before)
                if len(sizes):
                    size = int(self.rng.choice(sizes))
                    if base + offset + size > self.end:
                        raise OutOfMemory("the memory for legal requests is used up; use fewer or shorter ones")
                    self.cursor = base + offset + size
                    return base + offset, size
            step = side.segment_boundary or self.period  # too close to the line
            self.cursor = (self.cursor // step + 1) * step - self.apart
        raise ValueError(f"the rules {self.rules.name} leave no place for a segment of about {length} bytes")

    def _offsets(self, first: bool, card: int) -> I64:
        side = self.side
        places = np.arange(self.period)
        good = (places % side.address_align == 0) & (places % side.skew_modulus == side.skew_residue)
        good &= (places - card) % side.residue_match == 0
        if not first:
            good &= places % side.gap_boundary == 0
        choice = np.flatnonzero(good)
        return self.rng.permutation(choice)[:OFFSETS]

    def _sizes(self, address: int, length: int, last: bool, before: int) -> I64:
        side = self.side
        step, residue = (side.tail_align, 0) if last else (side.length_align, 0)
        if not last and side.gap_boundary > 1:
            step, residue = max(step, side.gap_boundary), -address % side.gap_boundary
        if last and side.total_align > 1:
            step, residue = max(step, side.total_align), -before % side.total_align
        most = min(side.max_segment_size, self.rules.encodable.stop - 1)
        if last and side.max_last_segment:
            most = min(most, side.max_last_segment)
        start = min(length, max(most - (LENGTHS - 1) * step, 1))
        sizes = start + (residue - start) % step + step * np.arange(LENGTHS)
        good = (sizes >= side.min_segment_size) & (sizes <= most)
        if not last:
            good &= sizes % side.length_align == 0
        else:
            good &= sizes % side.tail_align == 0
        ends = address + sizes - 1
        if side.end_forbidden:
            good &= ~np.isin(ends % side.end_modulus, side.end_forbidden)
        if side.segment_boundary:
            good &= ends // side.segment_boundary == address // side.segment_boundary
        fitting: I64 = sizes[good & (sizes > 0)]
        return fitting
