"""The alignment map of a rule set: what becomes of a buffer of every length at every offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sgdma.errors import Unplannable
from sgdma.rules import Direction, DirectionRules, Rule, RuleSet
from sgdma.rules.plan import plan_batch

__all__ = ["BOUNCED", "DIRECT", "MIXED", "REJECTED", "AlignmentMap", "alignment_map"]

REJECTED, DIRECT, MIXED, BOUNCED = range(4)
BASE = 1 << 30
CELLS = 64
_OF_THE_TOTAL = (Rule.TOTAL_ALIGN, Rule.TAIL_ALIGN, Rule.MAX_REQUEST_SIZE)
"""Rules that reject a length wherever it lies."""


@dataclass(frozen=True)
class AlignmentMap:
    """``cells[y, x]``: what becomes of ``lengths[y]`` bytes at a 1 GiB line + ``offsets[x]``, card address 0."""

    direction: Direction
    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    cells: npt.NDArray[np.uint8]

    def share(self, kind: int) -> float:
        """Part of the cells that are of a kind, 0..1."""
        return float((self.cells == kind).mean())


def alignment_map(rules: RuleSet, direction: Direction) -> AlignmentMap:
    """The map of one direction, in steps that show its pattern."""
    side = rules.direction(direction)
    offsets = np.arange(CELLS) * _offset_step(side)
    lengths = np.arange(1, CELLS + 1) * max(1, side.total_align // 4, side.min_segment_size // 16)
    cells = np.array([_row(rules, direction, offsets, int(length)) for length in lengths], np.uint8)
    return AlignmentMap(direction, offsets, lengths, cells)


def _offset_step(side: DirectionRules) -> int:
    pattern = max(side.address_align, side.length_align, side.skew_modulus, side.residue_match, side.end_modulus)
    return max(1, pattern // CELLS)


def _row(rules: RuleSet, direction: Direction, offsets: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.uint8]:
    """One length at all offsets: planned together, or in halves where one of them can't be planned."""
    try:
        requests = np.arange(len(offsets) + 1)
        plan = plan_batch(BASE + offsets, np.full(len(offsets), length), requests, rules, direction)
    except Unplannable as error:
        if error.rule in _OF_THE_TOTAL or len(offsets) == 1:
            return np.full(len(offsets), REJECTED, np.uint8)
        half = len(offsets) // 2
        parts = [_row(rules, direction, part, length) for part in (offsets[:half], offsets[half:])]
        return np.concatenate(parts)
    kinds = np.where(plan.bounced_bytes == 0, DIRECT, np.where(plan.direct_bytes == 0, BOUNCED, MIXED))
    return kinds.astype(np.uint8)
