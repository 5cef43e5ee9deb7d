"""The hardware's check, a line a case: which rule, at which place, with what evidence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sgdma.rules import Direction, DirectionRules, Rule, RuleSet, Violation, check_batch, check_request, check_table
from sgdma.rules.check import HEADER

NEUTRAL = {"max_segment_size": 4096, "max_segments": 8, "max_request_size": 9999}


def with_rules(bits: int = 48, **side: object) -> RuleSet:
    rules = DirectionRules(**{**NEUTRAL, **side})  # type: ignore[arg-type]
    return RuleSet(name="t", title="", source="", address_bits=bits, length_bits=16, length_encoding="plain",
                   table_align=64, table_boundary=4096, h2c=rules, c2h=DirectionRules(**NEUTRAL))  # fmt: skip


A, L = {"address_align": 4}, {"length_align": 4, "tail_align": 2}
SKEW = {"skew_modulus": 8, "skew_residue": 4}
END = {"end_modulus": 8, "end_forbidden": (3,)}
MATCH = {"residue_match": 8}
GAP = {"gap_boundary": 16}
BLOCK = {"segment_boundary": 64}
MIN, MAX, TAIL = {"min_segment_size": 5}, {"max_segment_size": 16}, {"max_last_segment": 6}

SEGMENT_CASES = [  # rules, segments (address, length), rule, segment index, value, limit
    (A, [(2, 8), (8, 8), (16, 8)], Rule.ADDRESS_ALIGN, 0, 2, 4),
    (A, [(0, 8), (9, 8), (16, 8)], Rule.ADDRESS_ALIGN, 1, 9, 4),
    (A, [(0, 8), (8, 8), (19, 8)], Rule.ADDRESS_ALIGN, 2, 19, 4),
    (SKEW, [(0, 8), (4, 8), (4, 8)], Rule.SKEW, 0, 0, 4),
    (SKEW, [(4, 8), (7, 8), (4, 8)], Rule.SKEW, 1, 7, 4),
    (SKEW, [(4, 8), (4, 8), (8, 8)], Rule.SKEW, 2, 0, 4),
    (MATCH, [(1, 8), (8, 8), (8, 8)], Rule.RESIDUE_MATCH, 0, 1, 8),
    (MATCH, [(0, 5), (8, 8), (13, 8)], Rule.RESIDUE_MATCH, 1, 3, 8),
    (MATCH, [(0, 5), (5, 8), (8, 8)], Rule.RESIDUE_MATCH, 2, 3, 8),
    (L, [(0, 6), (8, 8), (16, 2)], Rule.LENGTH_ALIGN, 0, 6, 4),
    (L, [(0, 8), (8, 6), (16, 2)], Rule.LENGTH_ALIGN, 1, 6, 4),
    (L, [(0, 8), (8, 8), (16, 3)], Rule.TAIL_ALIGN, 2, 3, 2),
    (MIN, [(0, 4), (8, 8), (16, 8)], Rule.MIN_SEGMENT_SIZE, 0, 4, 5),
    (MIN, [(0, 8), (8, 0), (16, 8)], Rule.MIN_SEGMENT_SIZE, 1, 0, 5),
    (MIN, [(0, 8), (8, 8), (16, 4)], Rule.MIN_SEGMENT_SIZE, 2, 4, 5),
    (MAX, [(0, 17), (8, 8), (16, 8)], Rule.MAX_SEGMENT_SIZE, 0, 17, 16),
    (MAX, [(0, 8), (8, 17), (16, 8)], Rule.MAX_SEGMENT_SIZE, 1, 17, 16),
    (MAX, [(0, 8), (8, 8), (16, 17)], Rule.MAX_SEGMENT_SIZE, 2, 17, 16),
    (TAIL, [(0, 8), (8, 8), (16, 7)], Rule.MAX_LAST_SEGMENT, 2, 7, 6),
    (GAP, [(3, 8), (16, 16), (32, 5)], Rule.GAP_BOUNDARY, 0, 11, 16),
    (GAP, [(3, 13), (17, 15), (32, 5)], Rule.GAP_BOUNDARY, 1, 17, 16),
    (GAP, [(3, 13), (16, 17), (32, 5)], Rule.GAP_BOUNDARY, 1, 33, 16),
    (GAP, [(3, 13), (16, 16), (33, 5)], Rule.GAP_BOUNDARY, 2, 33, 16),
    (BLOCK, [(60, 5), (0, 8), (0, 8)], Rule.SEGMENT_BOUNDARY, 0, 64, 64),
    (BLOCK, [(0, 8), (1, 64), (0, 8)], Rule.SEGMENT_BOUNDARY, 1, 64, 64),
    (BLOCK, [(0, 8), (0, 8), (120, 9)], Rule.SEGMENT_BOUNDARY, 2, 128, 64),
    (END, [(0, 4), (0, 8), (0, 8)], Rule.END_RULE, 0, 3, 8),
    (END, [(0, 8), (8, 12), (0, 8)], Rule.END_RULE, 1, 19, 8),
    (END, [(0, 8), (0, 8), (10, 10)], Rule.END_RULE, 2, 19, 8),
    ({}, [((1 << 48) - 7, 8), (0, 8), (0, 8)], Rule.ADDRESS_BITS, 0, (1 << 48) + 1, 48),
    ({}, [(0, 8), (1 << 48, 1), (0, 8)], Rule.ADDRESS_BITS, 1, (1 << 48) + 1, 48),
    ({}, [(0, 8), (0, 8), ((1 << 64) - 1, 1)], Rule.ADDRESS_BITS, 2, 1 << 64, 48),
    # the first segment wins, whatever its rule; on one segment the lowest rule wins
    ({**A, **L}, [(0, 6), (1, 8)], Rule.LENGTH_ALIGN, 0, 6, 4),
    ({**A, **L, **BLOCK}, [(0, 8), (62, 6)], Rule.ADDRESS_ALIGN, 1, 62, 4),
    ({**MAX, **BLOCK, **END}, [(60, 40)], Rule.MAX_SEGMENT_SIZE, 0, 40, 16),
    ({**GAP, **BLOCK}, [(0, 16), (60, 6)], Rule.GAP_BOUNDARY, 1, 60, 16),
    # the header outranks segments, and its own rules have an order
    ({**A, "max_segments": 1}, [(1, 8), (2, 8)], Rule.MAX_SEGMENTS, HEADER, 2, 1),
    ({"max_segments": 1}, [], Rule.MAX_SEGMENTS, HEADER, 0, 1),
    ({"total_align": 4, **A}, [(1, 6)], Rule.TOTAL_ALIGN, HEADER, 6, 4),
    ({"max_request_size": 15}, [(0, 8), (8, 8)], Rule.MAX_REQUEST_SIZE, HEADER, 16, 15),
    ({}, [(0, 0)], Rule.MAX_REQUEST_SIZE, HEADER, 0, 9999),
    ({"total_align": 4, "max_request_size": 5}, [(0, 6)], Rule.TOTAL_ALIGN, HEADER, 6, 4),
]

CLEAN_CASES = [
    (A, [(0, 7), (8, 3), (4, 1)]),
    (SKEW, [(4, 8), (12, 8)]),
    (L, [(1, 8), (3, 6)]),
    (TAIL, [(0, 700), (0, 6)]),
    (GAP, [(3, 13), (32, 32), (16, 1)]),
    (GAP, [(3, 4)]),
    (BLOCK, [(0, 64), (63, 1), (65, 63)]),
    (END, [(0, 3), (0, 5), (4, 1)]),
    ({}, [((1 << 48) - 8, 8)]),
]


def split(segments: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(segments, dtype=np.uint64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@pytest.mark.parametrize(("side", "segments", "rule", "index", "value", "limit"), SEGMENT_CASES)
def test_first_violation_is_named(side, segments, rule, index, value, limit) -> None:  # type: ignore[no-untyped-def]
    assert check_request(with_rules(**side), Direction.H2C, *split(segments)) == Violation(rule, index, value, limit)


@pytest.mark.parametrize(("side", "segments"), CLEAN_CASES)
def test_what_touches_the_limit_passes(side, segments) -> None:  # type: ignore[no-untyped-def]
    assert check_request(with_rules(**side), Direction.H2C, *split(segments)) is None


def test_every_segment_and_request_rule_has_a_case() -> None:
    assert {case[2] for case in SEGMENT_CASES} == {rule for rule in Rule if rule < Rule.TABLE_ALIGN}


def test_the_other_direction_has_its_own_rules() -> None:
    assert check_request(with_rules(**A), Direction.C2H, [1], [8]) is None


def test_residue_match_starts_at_the_card_address() -> None:
    rules = with_rules(**MATCH)
    assert check_request(rules, Direction.H2C, [3, 0], [5, 8], card_address=11) is None
    found = check_request(rules, Direction.H2C, [3, 1], [5, 8], card_address=11)
    assert found is not None
    assert (found.rule, found.segment_index) == (Rule.RESIDUE_MATCH, 1)


def test_a_batch_gives_each_request_the_verdict_it_gets_alone() -> None:
    rules = with_rules(**A, **L, **BLOCK, max_segments=4)
    random = np.random.default_rng(7)
    counts = random.integers(0, 6, 400)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    addresses = random.integers(0, 40, offsets[-1]).astype(np.uint64) * np.uint64(2)
    lengths = random.integers(0, 12, offsets[-1]).astype(np.uint64) * np.uint64(2)
    batch = check_batch(rules, Direction.H2C, addresses, lengths, offsets)
    for i in range(400):
        mine = slice(offsets[i], offsets[i + 1])
        alone = check_request(rules, Direction.H2C, addresses[mine], lengths[mine])
        assert (batch.rule[i], batch.segment_index[i]) == ((alone.rule, alone.segment_index) if alone else (0, 0))
    assert 0 < (batch.rule == 0).sum() < 400


@pytest.mark.parametrize(
    ("address", "size", "rule"),
    [(32, 64, Rule.TABLE_ALIGN), (4032, 128, Rule.TABLE_BOUNDARY), (4032, 64, None), (0, 4096, None),
     ((1 << 48) - 64, 64, None), (1 << 48, 64, Rule.ADDRESS_BITS)],
)  # fmt: skip
def test_tables(address: int, size: int, rule: Rule | None) -> None:
    found = check_table(with_rules(), address, size)
    assert (found.rule if found else None) == rule


@pytest.mark.parametrize(
    ("encoding", "length", "field"),
    [("plain", 1, 1), ("plain", 65535, 65535), ("zero_is_max", 65536, 0), ("zero_is_max", 65535, 65535),
     ("minus_one", 1, 0), ("minus_one", 65536, 65535)],
)  # fmt: skip
def test_length_encodings_go_both_ways(encoding: str, length: int, field: int) -> None:
    rules = dataclasses.replace(with_rules(), length_encoding=encoding)
    assert rules.encode_length([length]).tolist() == [field]
    assert rules.encode_length([length]).dtype == np.uint32
    assert rules.decode_length([field]).tolist() == [length]
