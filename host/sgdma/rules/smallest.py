"""The smallest request that a rule set lets through: the proof that some request can obey it."""

from __future__ import annotations

from sgdma.errors import Unplannable
from sgdma.rules.language import Direction, RuleSet
from sgdma.rules.plan import plan
from sgdma.rules.validity import bad

__all__ = ["smallest_request"]

TRIED = 256
"""Lengths that are tried one by one from the smallest up; beyond them only doubled ones are."""
PLACE = 1 << 16
"""Address of the piece that is planned, a multiple of every modulus; what must lie elsewhere is bounced."""


def smallest_request(rules: RuleSet, direction: Direction) -> int:
    """Bytes of the smallest request of a direction that has a plan.

    Raises :class:`RulesFileError` where no rule contradicts another one, and all of them together leave nothing.
    """
    side = rules.direction(direction)
    step = max(side.total_align, side.tail_align)
    first = -(-side.min_segment_size // step) * step
    lengths = [first + step * count for count in range(TRIED)]
    while lengths[-1] < side.max_request_size:
        lengths.append(2 * lengths[-1])
    reason = ""
    for length in lengths:
        if length <= side.max_request_size:
            try:
                plan([(PLACE, length)], rules, direction)
            except Unplannable as error:
                reason = reason or f": {error}"
            else:
                return length
    text = f"leaves no request; the smallest that it could be, of {first} bytes, is none{reason}"
    raise bad(f"{rules.name} [{direction.name.lower()}]", "max_request_size", side.max_request_size, text)
