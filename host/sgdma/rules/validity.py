"""What makes a rule set obeyable: ranges that the hardware implements, and no contradictions between rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sgdma.errors import RulesFileError

if TYPE_CHECKING:
    from sgdma.rules.language import DirectionRules, RuleSet

__all__ = ["LENGTH_ENCODINGS", "MAX_LIST", "bad", "check_direction_rules", "check_rule_set"]

MAX_LIST = 511
"""Segments that fit behind the header in the device's on-chip list buffer of 512 entries."""

LENGTH_ENCODINGS = ("plain", "zero_is_max", "minus_one")
"""How a length is written into the descriptor: as is; as is, with 0 for 2**bits; as length - 1."""

_POWERS = {  # key: largest value the hardware implements
    "address_align": 4096,
    "length_align": 4096,
    "tail_align": 4096,
    "skew_modulus": 4096,
    "residue_match": 4096,
    "gap_boundary": 1 << 16,
    "segment_boundary": 1 << 40,
    "end_modulus": 64,
    "total_align": 4096,
}
_RANGES = {
    "min_segment_size": (1, 1 << 32),
    "max_segment_size": (1, 1 << 32),
    "max_last_segment": (0, 1 << 32),
    "max_segments": (1, MAX_LIST),
    "max_request_size": (1, (1 << 32) - 1),
}


def bad(where: str, key: str, value: object, limit: str) -> RulesFileError:
    """The one wording of a refusal: where, which key, what it said, what it may say."""
    return RulesFileError(f"{where}: {key} = {value!r}: {limit}")


def check_direction_rules(rules: DirectionRules, where: str = "rules") -> None:
    """Raise :class:`~sgdma.errors.RulesFileError` unless some request could obey `rules`."""
    for key, limit in _POWERS.items():
        _power_of_two(where, key, getattr(rules, key), limit, zero=key == "segment_boundary")
    for key, (low, high) in _RANGES.items():
        value = getattr(rules, key)
        if not low <= value <= high:
            raise bad(where, key, value, f"must be {low}..{high}")
    if not 0 <= rules.skew_residue < rules.skew_modulus:
        raise bad(where, "skew residue", rules.skew_residue, f"must be below the modulus {rules.skew_modulus}")
    if any(not 0 <= residue < rules.end_modulus for residue in rules.end_forbidden):
        limit_text = f"must be below the modulus {rules.end_modulus}"
        raise bad(where, "end_rule forbidden", list(rules.end_forbidden), limit_text)
    for key, value, limit_text in _contradictions(rules):
        raise bad(where, key, value, limit_text)


def check_rule_set(rules: RuleSet) -> None:
    """Raise :class:`~sgdma.errors.RulesFileError` unless widths, encoding, tables and sizes fit each other."""
    where = rules.name
    if not 12 <= rules.address_bits <= 64:
        raise bad(where, "address_bits", rules.address_bits, "must be 12..64")
    if not 1 <= rules.length_bits <= 32:
        raise bad(where, "length_bits", rules.length_bits, "must be 1..32")
    if rules.length_encoding not in LENGTH_ENCODINGS:
        raise bad(where, "length_encoding", rules.length_encoding, f"must be one of {', '.join(LENGTH_ENCODINGS)}")
    _power_of_two(where, "table_align", rules.table_align, 1 << 16)
    _power_of_two(where, "table_boundary", rules.table_boundary, 1 << 40, zero=True)
    if 0 < rules.table_boundary < rules.table_align:
        limit = f"must be 0 or at least table_align {rules.table_align}"
        raise bad(where, "table_boundary", rules.table_boundary, limit)
    longest = rules.encodable[-1]
    for side in ("h2c", "c2h"):
        direction = getattr(rules, side)
        check_direction_rules(direction, f"{where} [{side}]")
        if direction.max_segment_size > longest:
            limit = f"a {rules.length_bits}-bit field, {rules.length_encoding}, says at most {longest}"
            raise bad(f"{where} [{side}]", "max_segment_size", direction.max_segment_size, limit)
        if max(direction.address_align, direction.skew_modulus, direction.gap_boundary) > 1 << rules.address_bits:
            raise bad(f"{where} [{side}]", "address_align", direction.address_align, "exceeds the address space")


def _power_of_two(where: str, key: str, value: int, limit: int, zero: bool = False) -> None:
    if zero and value == 0:
        return
    if value < 1 or value & (value - 1) or value > limit:
        raise bad(where, key, value, f"must be a power of two, 1..{limit}{' (or 0 for none)' if zero else ''}")


def _contradictions(rules: DirectionRules) -> list[tuple[str, object, str]]:
    """(key, value, limit) of every pair of rules that no request could obey together."""
    found: list[tuple[str, object, str]] = []
    smallest, largest = rules.min_segment_size, rules.max_segment_size

    def needs(condition: bool, key: str, value: object, limit: str) -> None:
        if not condition:
            found.append((key, value, limit))

    needs(rules.tail_align <= rules.length_align, "tail_align", rules.tail_align,
          f"must divide length_align {rules.length_align}")  # fmt: skip
    needs(rules.skew_residue % min(rules.skew_modulus, rules.address_align) == 0, "skew residue", rules.skew_residue,
          f"must be a multiple of address_align {rules.address_align}")  # fmt: skip
    needs(smallest <= largest, "max_segment_size", largest, f"must be at least min_segment_size {smallest}")
    needs(_multiple_within(rules.tail_align, smallest, largest), "max_segment_size", largest,
          f"leaves no multiple of tail_align {rules.tail_align} from min_segment_size {smallest} up")  # fmt: skip
    if rules.segment_boundary:
        floor = max(smallest, rules.tail_align, rules.end_modulus)
        needs(rules.segment_boundary >= floor, "segment_boundary", rules.segment_boundary,
              f"must be at least {floor}: the shortest segment, tail_align and the end rule's modulus")  # fmt: skip
    if rules.max_last_segment:
        needs(_multiple_within(rules.tail_align, smallest, rules.max_last_segment), "max_last_segment",
              rules.max_last_segment,
              f"leaves no multiple of tail_align {rules.tail_align} from {smallest} up")  # fmt: skip
    needs(rules.max_request_size >= max(smallest, rules.total_align), "max_request_size", rules.max_request_size,
          f"must be at least min_segment_size {smallest} and total_align {rules.total_align}")  # fmt: skip
    ends = _possible_ends(rules, rules.tail_align)
    needs(not ends <= set(rules.end_forbidden), "end_rule forbidden", list(rules.end_forbidden),
          f"forbids every possible end {sorted(ends)}")  # fmt: skip
    if rules.max_segments > 1:
        found += _list_contradictions(rules)
    return found


def _list_contradictions(rules: DirectionRules) -> list[tuple[str, object, str]]:
    """Contradictions that only a request of two segments or more runs into."""
    found: list[tuple[str, object, str]] = []
    if not _multiple_within(rules.length_align, rules.min_segment_size, rules.max_segment_size):
        found.append(("max_segment_size", rules.max_segment_size,
                      f"leaves no multiple of length_align {rules.length_align}; or set max_segments = 1"))  # fmt: skip
    if rules.segment_boundary and rules.segment_boundary < rules.length_align:
        found.append(("segment_boundary", rules.segment_boundary,
                      f"must be at least length_align {rules.length_align}"))  # fmt: skip
    if rules.skew_residue % min(rules.skew_modulus, rules.gap_boundary):
        found.append(("skew residue", rules.skew_residue,
                      f"must be a multiple of gap_boundary {rules.gap_boundary}"))  # fmt: skip
    ends = _possible_ends(rules, rules.length_align)
    if rules.gap_boundary > 1:
        ends = {end for end in ends if (end + 1) % min(rules.gap_boundary, rules.end_modulus) == 0}
    if ends <= set(rules.end_forbidden):
        found.append(("end_rule forbidden", list(rules.end_forbidden),
                      f"forbids every end {sorted(ends)} of a segment that isn't the last"))  # fmt: skip
    return found


def _multiple_within(step: int, low: int, high: int) -> bool:
    return high // step * step >= max(low, step)


def _possible_ends(rules: DirectionRules, length_step: int) -> set[int]:
    """Residues modulo end_modulus where a segment of aligned start and length can end."""
    modulus = rules.end_modulus
    start = rules.skew_residue % modulus
    step = min(max(rules.address_align, rules.skew_modulus), length_step, modulus)
    return {(start + offset - 1) % modulus for offset in range(0, modulus, step)}
