"""What the suite itself relies on: legal requests of every shipped rule set, damage of every rule, the bookkeeping."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sgdma.rules import Direction, Rule, check_request, load, names
from sgdma.suite.accounts import Book
from sgdma.suite.damage import POSITIONS, SEGMENT_RULES, damage, has_rule, place_of
from sgdma.suite.legal import Composer

BASE, ROOM = 0x1000_0000, 1 << 26


def composer(name: str, direction: Direction) -> Composer:
    return Composer(load(name), direction, BASE, ROOM, np.random.default_rng(1))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("direction", list(Direction))
def test_legal_requests_of_any_shape_exist_for_every_rule_set(name: str, direction: Direction) -> None:
    made = composer(name, direction)
    for count, length, card in ((1, 1, 0), (1, 64, 0), (3, 100, 64), (5, 2000, 128), (64, 64, 0), (200, 1, 0)):
        request = made.request(count, length, card)
        assert len(request.segments) == min(count, made.side.max_segments)
    spans = sorted(request.segments)
    assert all(start + size < later for (start, size), (later, _) in pairwise(spans))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("direction", list(Direction))
def test_damage_breaks_exactly_the_rule_it_names(name: str, direction: Direction) -> None:
    rules, made = load(name), composer(name, direction)
    found = set()
    for rule in SEGMENT_RULES:
        for position in POSITIONS:
            request = made.request(5, 100)
            index = place_of(position, len(request.segments))
            bad = damage(rules, request, rule, index)
            if bad is not None:
                found.add(rule)
                assert has_rule(rules, direction, rule)
                columns = np.array(bad.segments, np.uint64)
                verdict = check_request(rules, direction, columns[:, 0], columns[:, 1])
                assert verdict is not None
                assert verdict.rule == rule or verdict.rule >= Rule.MAX_SEGMENTS
    side = rules.direction(direction)
    expected = {rule for rule in (Rule.ADDRESS_ALIGN, Rule.SKEW, Rule.LENGTH_ALIGN, Rule.RESIDUE_MATCH, Rule.END_RULE,
                                  Rule.GAP_BOUNDARY) if has_rule(rules, direction, rule)}  # fmt: skip
    if side.skew_modulus > 1 and side.skew_residue % side.address_align:
        expected.discard(Rule.SKEW)
    if side.max_segments == 1:
        expected -= {Rule.LENGTH_ALIGN, Rule.GAP_BOUNDARY}
    assert expected <= found, f"no damage found for {expected - found}"


def test_a_book_tells_lost_doubled_and_foreign_apart() -> None:
    book = Book()
    for name in ("a", "b", "c"):
        book.expect(name)
    for name in ("a", "b", "b", "x"):
        book.completed(name)
    assert (book.lost, book.doubled, book.foreign) == ({"c"}, {"b"}, {"x"})
    with pytest.raises(AssertionError, match=r"of 3 requests 1 were lost \['c'\], 1 completed more than once"):
        book.balance()


def test_a_balanced_book_is_silent() -> None:
    book = Book()
    book.expect(1)
    book.completed(1)
    book.balance()
    with pytest.raises(AssertionError, match="named twice"):
        book.expect(1)
