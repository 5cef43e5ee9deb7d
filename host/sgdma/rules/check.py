"""The check that the hardware makes before any bus access, bit for bit: the first violation decides.

Header rules come first (they need no segment); then segments in order, and on one segment the lowest rule number.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from sgdma.rules.language import Direction, DirectionRules, Rule, RuleSet

__all__ = ["HEADER", "BatchCheck", "Violation", "check_batch", "check_request", "check_table"]

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

HEADER = 0xFFFF
"""Segment index of a violation that belongs to the request, not to a segment."""


@dataclasses.dataclass(frozen=True)
class Violation:
    """Which rule, on which segment (0-based, :data:`HEADER` for the request), the offending value and the limit."""

    rule: Rule
    segment_index: int
    value: int
    limit: int

    def __str__(self) -> str:
        place = "request" if self.segment_index == HEADER else f"segment {self.segment_index}"
        return f"{place}: {self.rule.name.lower()}: {self.value:#x} against {self.limit:#x}"


@dataclasses.dataclass(frozen=True)
class BatchCheck:
    """Verdicts of many requests, one element a request: ``rule`` is 0 where all is well (`segment_index` is 0 then)."""

    rule: npt.NDArray[np.uint8]
    segment_index: npt.NDArray[np.uint16]


def check_request(
    rules: RuleSet, direction: Direction, addresses: npt.ArrayLike, lengths: npt.ArrayLike, card_address: int = 0
) -> Violation | None:
    """The first violation of one request, or None. Addresses and true byte lengths: u64 arrays of equal shape (n,)."""
    address, length = np.asarray(addresses, dtype=np.uint64), np.asarray(lengths, dtype=np.uint64)
    card = np.array([card_address], np.uint64)
    result = check_batch(rules, direction, address, length, np.array([0, len(address)]), card)
    if result.rule[0] == 0:
        return None
    rule, index = Rule(int(result.rule[0])), int(result.segment_index[0])
    return Violation(rule, index, *_evidence(rules, direction, rule, index, address, length, card_address))


def check_batch(
    rules: RuleSet,
    direction: Direction,
    addresses: U64,
    lengths: U64,
    offsets: npt.ArrayLike,
    card_addresses: npt.ArrayLike = 0,
) -> BatchCheck:
    """Verdicts of k requests at once.

    `addresses`, `lengths`: u64 (n,), the segments of all requests one after the other. `offsets`: (k + 1,), request i
    owns ``offsets[i]:offsets[i + 1]``. `card_addresses`: u64 (k,) or one for all.
    """
    side, bounds = rules.direction(direction), np.asarray(offsets, dtype=np.int64)
    counts = np.diff(bounds)
    totals = np.zeros(len(counts), np.uint64)
    totals[counts > 0] = np.add.reduceat(lengths, bounds[:-1][counts > 0])
    cards: U64 | None = None  # card address of every segment, mod 2**64
    if side.residue_match > 1:
        before = np.zeros(len(lengths) + 1, np.uint64)
        np.cumsum(lengths, out=before[1:])
        first_cards = np.broadcast_to(np.asarray(card_addresses, dtype=np.uint64), counts.shape)
        cards = before[:-1] + np.repeat(first_cards - before[bounds[:-1]], counts)
    codes = _segment_codes(rules, side, addresses, lengths, cards, bounds)

    rule = np.zeros(len(counts), np.uint8)
    index = np.zeros(len(counts), np.uint16)
    if codes.any():
        wrong = np.flatnonzero(codes)
        owner = np.searchsorted(bounds, wrong, side="right") - 1
        owners, first = np.unique(owner, return_index=True)
        rule[owners] = codes[wrong[first]]
        index[owners] = (wrong[first] - bounds[owners]).astype(np.uint16)
    header = _header_codes(side, counts, totals)
    rule[header > 0] = header[header > 0]
    index[header > 0] = HEADER
    return BatchCheck(rule, index)


def check_table(rules: RuleSet, address: int, size_bytes: int) -> Violation | None:
    """The first violation of a ring or list at `address` of `size_bytes`, or None."""
    if address % rules.table_align:
        return Violation(Rule.TABLE_ALIGN, HEADER, address, rules.table_align)
    boundary = rules.table_boundary
    if boundary and size_bytes and address // boundary != (address + size_bytes - 1) // boundary:
        return Violation(Rule.TABLE_BOUNDARY, HEADER, address + size_bytes - 1, boundary)
    if address + size_bytes > 1 << rules.address_bits:
        return Violation(Rule.ADDRESS_BITS, HEADER, address + size_bytes, rules.address_bits)
    return None


def _header_codes(side: DirectionRules, counts: I64, totals: U64) -> npt.NDArray[np.uint8]:
    codes = np.zeros(len(counts), np.uint8)
    codes[(totals == 0) | (totals > np.uint64(side.max_request_size))] = Rule.MAX_REQUEST_SIZE
    codes[totals & np.uint64(side.total_align - 1) != 0] = Rule.TOTAL_ALIGN
    codes[(counts == 0) | (counts > side.max_segments)] = Rule.MAX_SEGMENTS
    return codes


def _segment_codes(
    rules: RuleSet, side: DirectionRules, address: U64, length: U64, cards: U64 | None, offsets: I64
) -> npt.NDArray[np.uint8]:
    """The lowest violated rule of every segment, 0 where none.

    Rules that this direction doesn't have cost nothing, and a reduction tells when no segment can violate one.
    """
    codes = np.zeros(len(address), np.uint8)
    if not len(address):
        return codes
    owning = offsets[:-1] < offsets[1:]
    first, last = offsets[:-1][owning], offsets[1:][owning] - 1  # indices
    shortest, longest = int(length.min()), int(length.max())

    def fails(rule: Rule, where: Bool) -> None:  # called from the highest rule down, so that the lowest stays
        codes[where] = rule

    if int(address.max()) + longest > 1 << rules.address_bits:
        fails(Rule.ADDRESS_BITS, _out_of_reach(address, length, rules.address_bits))
    if side.end_forbidden:
        forbidden = np.zeros(side.end_modulus, np.bool_)
        forbidden[list(side.end_forbidden)] = True
        residue = (address + length - np.uint64(1)) & np.uint64(side.end_modulus - 1)
        fails(Rule.END_RULE, forbidden[residue.astype(np.intp)])
    if side.segment_boundary:
        # A zero length has no last byte; min_segment_size is at least 1 and outranks this verdict.
        across = address ^ (address + (length - np.uint64(1)))
        if int(across.max()) >= side.segment_boundary:
            fails(Rule.SEGMENT_BOUNDARY, across >= np.uint64(side.segment_boundary))
    if side.gap_boundary > 1:
        starts, ends = _off(address, side.gap_boundary), _off(address + length, side.gap_boundary)
        starts[first] = ends[last] = False
        fails(Rule.GAP_BOUNDARY, starts | ends)
    if side.max_last_segment:
        codes[last[length[last] > np.uint64(side.max_last_segment)]] = Rule.MAX_LAST_SEGMENT
    if longest > side.max_segment_size:
        fails(Rule.MAX_SEGMENT_SIZE, length > np.uint64(side.max_segment_size))
    if shortest < side.min_segment_size:
        fails(Rule.MIN_SEGMENT_SIZE, length < np.uint64(side.min_segment_size))
    if _any_off(length, side.length_align):  # tail_align divides it
        ragged = _off(length, side.length_align)
        ragged[last] = False
        fails(Rule.LENGTH_ALIGN, ragged)
        codes[last[_off(length[last], side.tail_align)]] = Rule.TAIL_ALIGN
    if cards is not None:
        fails(Rule.RESIDUE_MATCH, _off(address - cards, side.residue_match))
    if side.skew_modulus > 1:
        fails(Rule.SKEW, address & np.uint64(side.skew_modulus - 1) != np.uint64(side.skew_residue))
    if _any_off(address, side.address_align):
        fails(Rule.ADDRESS_ALIGN, _off(address, side.address_align))
    return codes


def _any_off(value: U64, power: int) -> bool:
    return bool(np.bitwise_or.reduce(value) & np.uint64(power - 1))


def _off(value: U64, power: int) -> Bool:
    result: Bool = value & np.uint64(power - 1) != 0
    return result


def _out_of_reach(address: U64, length: U64, bits: int) -> Bool:
    """Where address + length > 2**bits, without overflow."""
    top = np.uint64((1 << bits) - 1)
    result: Bool = (address > top) | ((length > 0) & (length - np.uint64(1) > top - np.minimum(address, top)))
    return result


def _evidence(
    rules: RuleSet, direction: Direction, rule: Rule, index: int, addresses: U64, lengths: U64, card_address: int
) -> tuple[int, int]:
    """(value, limit) that a message shows for one violation."""
    side = rules.direction(direction)
    total = sum(lengths.tolist())
    if index == HEADER:
        value = len(lengths) if rule is Rule.MAX_SEGMENTS else total
        return value, int(getattr(side, rule.name.lower()))
    address, length = int(addresses[index]), int(lengths[index])
    card = card_address + sum(lengths[:index].tolist())
    first_wrong = index > 0 and address % side.gap_boundary != 0
    table: dict[Rule, tuple[int, int]] = {
        Rule.ADDRESS_ALIGN: (address, side.address_align),
        Rule.SKEW: (address % side.skew_modulus, side.skew_residue),
        Rule.RESIDUE_MATCH: ((address - card) % side.residue_match, side.residue_match),
        Rule.GAP_BOUNDARY: (address if first_wrong else address + length, side.gap_boundary),
        Rule.SEGMENT_BOUNDARY: (address + length - 1, side.segment_boundary),
        Rule.END_RULE: (address + length - 1, side.end_modulus),
        Rule.ADDRESS_BITS: (address + length, rules.address_bits),
    }
    return table[rule] if rule in table else (length, int(getattr(side, rule.name.lower())))
