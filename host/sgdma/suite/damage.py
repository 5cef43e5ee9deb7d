"""Requests that break exactly one rule: a legal one, damaged at one segment, with the verdict that must follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sgdma.errors import RulesFileError
from sgdma.rules import Direction, Rule, RuleSet, check_batch, check_request
from sgdma.suite.legal import Legal, period

__all__ = ["PLACES", "POSITIONS", "SEGMENT_RULES", "Damaged", "damage", "forbidden_elsewhere", "has_rule", "place_of"]

SEGMENT_RULES = tuple(rule for rule in Rule if rule < Rule.MAX_SEGMENTS)
POSITIONS = ("first", "interior", "last")
PLACES = [(rule, position) for rule in SEGMENT_RULES for position in POSITIONS
          if position == "last" or rule not in (Rule.TAIL_ALIGN, Rule.MAX_LAST_SEGMENT)]  # fmt: skip
"""Where each rule can be broken: two of them are about the last segment only."""


@dataclass(frozen=True)
class Damaged:
    """An illegal request: its segments, which rule it breaks, and where.

    ``total`` is what the legal one had: the header of a damaged request must pass, or no segment is looked at.
    """

    direction: Direction
    segments: tuple[tuple[int, int], ...]
    card: int
    total: int
    rule: Rule
    index: int


def place_of(position: str, count: int) -> int:
    """Index of the first, an interior or the last of `count` segments."""
    return {"first": 0, "interior": count // 2, "last": count - 1}[position]


def damage(rules: RuleSet, made: Legal, rule: Rule, index: int) -> Damaged | None:
    """Break `rule` at segment `index`, and no rule before it; None when no change of that segment does."""
    if not has_rule(rules, made.direction, rule):
        return None
    encodable, plain = rules.encodable, rules.length_encoding == "plain"
    changes = [(a, n) for a, n in _candidates(rules, made, rule, index) if n in encodable or (n == 0 and plain)]
    if not changes:
        return None
    table = np.tile(np.array(made.segments, np.uint64), (len(changes), 1, 1))
    table[:, index] = np.array(changes, np.uint64)
    rows, bounds = table.reshape(-1, 2), np.arange(len(changes) + 1) * len(made.segments)
    found = check_batch(_without_totals(rules), made.direction, rows[:, 0], rows[:, 1], bounds, made.card)
    good = np.flatnonzero((found.rule == rule) & (found.segment_index == index))
    if not len(good):
        return None
    segments = tuple((int(address), int(length)) for address, length in table[good[0]].tolist())
    return Damaged(made.direction, segments, made.card, made.total, rule, index)


def has_rule(rules: RuleSet, direction: Direction, rule: Rule) -> bool:
    """Whether the rule forbids anything in this direction."""
    side = rules.direction(direction)
    neutral = {
        Rule.ADDRESS_ALIGN: side.address_align == 1, Rule.SKEW: side.skew_modulus == 1,
        Rule.RESIDUE_MATCH: side.residue_match == 1, Rule.LENGTH_ALIGN: side.length_align == 1,
        Rule.TAIL_ALIGN: side.tail_align == 1, Rule.MAX_LAST_SEGMENT: not side.max_last_segment,
        Rule.GAP_BOUNDARY: side.gap_boundary == 1, Rule.SEGMENT_BOUNDARY: not side.segment_boundary,
        Rule.END_RULE: not side.end_forbidden,
    }  # fmt: skip
    return not neutral.get(rule, False)


STRICTER: dict[Rule, dict[str, Any]] = {
    Rule.RESIDUE_MATCH: {"residue_match": 4096}, Rule.LENGTH_ALIGN: {"length_align": 4096},
    Rule.TAIL_ALIGN: {"tail_align": 4096}, Rule.MIN_SEGMENT_SIZE: {"min_segment_size": 4096},
    Rule.MAX_LAST_SEGMENT: {"max_last_segment": 1}, Rule.GAP_BOUNDARY: {"gap_boundary": 4096},
    Rule.ADDRESS_ALIGN: {"address_align": 4096}, Rule.SEGMENT_BOUNDARY: {"segment_boundary": 16},
}  # fmt: skip
"""Each of these rules as a device might have it that is stricter than most."""


def forbidden_elsewhere(rules: RuleSet, made: Legal, rule: Rule) -> bool:
    """Whether a device that differs from this one by having `rule`, too, would refuse this legal request for it."""
    side = rules.direction(made.direction)
    try:
        stricter = dataclasses.replace(side, **STRICTER.get(rule, {}))
    except RulesFileError:  # together with the others nothing could obey it
        return False
    plain = _without_totals(rules)
    other = dataclasses.replace(
        plain, h2c=stricter if made.direction is Direction.H2C else plain.h2c,
        c2h=stricter if made.direction is Direction.C2H else plain.c2h,
    )  # fmt: skip
    table = np.array(made.segments, np.uint64)
    found = check_request(other, made.direction, table[:, 0], table[:, 1], made.card)
    return found is not None and found.rule is rule


@cache
def _without_totals(rules: RuleSet) -> RuleSet:
    """The same rules on segments, blind to their sum."""
    sides = {
        name: dataclasses.replace(side, total_align=1, max_request_size=0xFFFFFFFF)
        for name, side in (("h2c", rules.h2c), ("c2h", rules.c2h))
    }
    return dataclasses.replace(rules, **sides)  # type: ignore[arg-type]


def _candidates(rules: RuleSet, made: Legal, rule: Rule, index: int) -> Iterator[tuple[int, int]]:
    side = rules.direction(made.direction)
    address, length = made.segments[index]
    unit = max(side.total_align, side.length_align, side.tail_align, 1)
    if rule in (Rule.ADDRESS_ALIGN, Rule.SKEW, Rule.RESIDUE_MATCH):
        powers = [1 << bit for bit in range(13)]
        yield from ((address + change, length) for change in (*powers, 3, 5, 7, 13))
    elif rule in (Rule.LENGTH_ALIGN, Rule.TAIL_ALIGN):
        yield from ((address, length + change) for change in (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, -1, -2, -4, -8))
    elif rule is Rule.MIN_SEGMENT_SIZE:
        yield from ((address, size) for size in (side.min_segment_size - 1, *range(side.min_segment_size), 0))
    elif rule is Rule.MAX_SEGMENT_SIZE:
        yield from ((address, side.max_segment_size + change) for change in (1, 2, 4, 8, 16, 64, 4096, *range(3, 65)))
    elif rule is Rule.MAX_LAST_SEGMENT:
        yield from ((address, side.max_last_segment + change) for change in (1, 2, 4, *range(3, 80)))
    elif rule is Rule.GAP_BOUNDARY:
        powers = [1 << bit for bit in range(3, 13)]
        yield from ((address + change, length) for change in powers)
        yield from ((address, length - change) for change in powers)
        yield from ((address + change, length - change - other) for change in powers for other in powers)
    elif rule is Rule.SEGMENT_BOUNDARY:
        line = (address // max(side.segment_boundary, 1) + 1) * side.segment_boundary
        size = max(length, 2 * unit)
        for most in (size, size + unit, size + 64 * unit):
            yield from ((line - before, most) for before in range(1, min(most, 4 * period(side) + 1)))
    elif rule is Rule.END_RULE:
        yield from ((address, length + change) for change in range(1, 65))
        yield from ((address + change, length) for change in range(1, 65))
    elif rule is Rule.ADDRESS_BITS:
        top = 1 << rules.address_bits
        if rules.address_bits < 64:
            yield from ((address | top << bit, length) for bit in range(64 - rules.address_bits))
        yield from ((top - before, length) for before in range(1, min(length, 257)))

