"""The planner against brute force: no conforming plan has more direct bytes, and none is missed."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sgdma.errors import RulesFileError, Unplannable
from sgdma.rules import Direction, DirectionRules, RuleSet, check_request, exact
from sgdma.rules.plan import plan

from .brute import most_direct

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def one_sided(side: DirectionRules, bits: int = 64) -> RuleSet:
    return RuleSet(name="t", title="", source="", address_bits=bits, length_bits=16, length_encoding="plain",
                   table_align=1, table_boundary=0, h2c=side, c2h=side)  # fmt: skip


@st.composite
def rule_sides(draw: st.DrawFn) -> DirectionRules:
    """Any mix of rule classes, most of them neutral in any one example."""

    def power(limit: int) -> int:
        return 1 << draw(st.sampled_from([0, 0, 0, *range(limit + 1)]))

    length_align = power(2)
    skew = power(3)
    modulus = power(3)
    shortest = draw(st.sampled_from([1, 1, 1, 2, 3, 4, 5]))
    values = {
        "address_align": power(3),
        "length_align": length_align,
        "tail_align": min(length_align, power(2)),
        "skew_modulus": skew,
        "skew_residue": draw(st.integers(0, skew - 1)),
        "residue_match": power(3),
        "gap_boundary": power(3),
        "segment_boundary": draw(st.sampled_from([0, 0, 4, 8, 16])),
        "end_modulus": modulus,
        "end_forbidden": tuple(draw(st.sets(st.integers(0, modulus - 1), max_size=max(0, modulus - 1)))),
        "min_segment_size": shortest,
        "max_segment_size": draw(st.sampled_from([shortest, 4, 5, 8, 11, 16, 40])),
        "max_segments": draw(st.sampled_from([1, 2, 3, 4, 6, 40, 40])),
        "max_last_segment": draw(st.sampled_from([0, 0, 0, 3, 6])),
        "total_align": power(1),
        "max_request_size": 40,
    }
    try:
        return DirectionRules(**values)
    except RulesFileError:
        values |= {"skew_modulus": 1, "skew_residue": 0, "end_forbidden": (), "max_last_segment": 0,
                   "segment_boundary": 0, "min_segment_size": 1, "max_segment_size": 16}  # fmt: skip
        return DirectionRules(**values)


@st.composite
def cases(draw: st.DrawFn) -> tuple[DirectionRules, list[tuple[int, int]], int, int]:
    side = draw(rule_sides())
    grain = draw(st.sampled_from([1, 1, 2, 4, 8]))
    pieces, address = [], 4096 - 40
    for _ in range(draw(st.integers(1, 5))):
        address += draw(st.sampled_from([0, 1, 2, 4, 8, 16])) * grain
        length = draw(st.integers(0, max(1, 12 // grain))) * grain
        pieces.append((address, length))
        address += length
    backwards = draw(st.booleans())
    return side, pieces[:: -1 if backwards else 1], draw(st.integers(0, 15)), draw(st.sampled_from([64, 64, 12]))


def judge(case: tuple[DirectionRules, list[tuple[int, int]], int, int]) -> None:
    side, pieces, card, bits = case
    rules = one_sided(side, bits)
    if sum(length for _, length in pieces) > 40:
        return
    wanted = most_direct(pieces, side, card, bits)
    try:
        found = plan(pieces, rules, Direction.H2C, card_address=card)
    except Unplannable as error:
        if wanted is not None:
            pytest.fail(f"plannable with {wanted} direct bytes, but: {error}")
        return
    assert found.direct_bytes == wanted
    assert found.proven
    for base in (0, found.bounce_align, 6 * found.bounce_align):
        if base + found.bounce_size <= 1 << bits:
            assert check_request(rules, Direction.H2C, found.resolve(base), found.lengths, card) is None
    assert moved(pieces, found) == [a + i for a, n in pieces for i in range(n)]


def moved(pieces: list[tuple[int, int]], found) -> list[int]:  # type: ignore[no-untyped-def]
    """The memory address that each stream byte comes from, followed through segments and copies."""
    area = np.full(found.bounce_size, -1, dtype=np.int64)
    for piece, address, offset, length in zip(
        found.copy_piece, found.copy_address, found.copy_offset, found.copy_length, strict=True
    ):
        start, size = pieces[piece]
        assert start <= address
        assert address + length <= start + size
        assert (area[int(offset) : int(offset + length)] == -1).all()
        area[int(offset) : int(offset + length)] = np.arange(int(address), int(address + length))
    stream: list[int] = []
    for address, length, bounced in zip(found.addresses, found.lengths, found.bounced, strict=True):
        low, high = int(address), int(address + length)
        stream += area[low:high].tolist() if bounced else range(low, high)
    return stream


def limits(**values: object) -> DirectionRules:
    return DirectionRules(**{"max_segment_size": 16, "max_segments": 9, "max_request_size": 40, **values})  # type: ignore[arg-type]


@settings(max_examples=300, **QUIET)
@given(cases())
# The room for bounced segments is below min_segment_size unless they are placed just so.
@example((limits(skew_modulus=4, skew_residue=3, segment_boundary=4, min_segment_size=3, max_segment_size=3,
                 max_segments=1), [(4056, 4), (4061, 3)], 0, 64))  # fmt: skip
# The card address fixes the phase of all cuts.
@example((limits(gap_boundary=8, residue_match=8), [(4099, 13), (8192, 8), (5001, 3)], 3, 64))
# The first allowed end, going up, isn't the next one going down.
@example((limits(segment_boundary=16, end_modulus=8, end_forbidden=(0, 3), max_segments=1), [(4056, 12)], 0, 64))
def test_no_conforming_plan_has_more_direct_bytes(case: tuple[DirectionRules, list[tuple[int, int]], int, int]) -> None:
    judge(case)


@settings(max_examples=300, **QUIET)
@given(cases())
def test_chains_of_cuts_find_the_best_plan_too(case: tuple[DirectionRules, list[tuple[int, int]], int, int]) -> None:
    side, _, _, _ = case
    if not side.end_forbidden:  # with an end rule chains aren't claimed to suffice
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exact, "FULL_GRID", 0)
            judge(case)


@pytest.mark.deep
@settings(max_examples=int(os.environ.get("SGDMA_DEEP_EXAMPLES", "20000")), **QUIET)
@given(cases())
def test_no_conforming_plan_has_more_direct_bytes_deep(
    case: tuple[DirectionRules, list[tuple[int, int]], int, int],
) -> None:
    judge(case)
