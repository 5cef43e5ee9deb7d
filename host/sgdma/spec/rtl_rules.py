"""How a rule set reaches the hardware: the packed ``rules_t`` parameter, one word per direction.

Alignments travel as masks (power of two minus one), so the checker is AND gates and a few comparators; whatever a rule
set does not use is a constant that synthesis removes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sgdma.rules.language import DirectionRules, RuleSet

__all__ = ["LENGTH_ENCODINGS", "RING_ALIGN_MIN", "RULE_WORD", "RuleField", "pack_rules", "ring_align",
           "rules_word_bits"]

RING_ALIGN_MIN = 256
"""Rings are fetched in aligned bursts of at most 256 bytes, so their base is at least that aligned."""

LENGTH_ENCODINGS = ("plain", "zero_is_max", "minus_one")
"""Numeric value of the core's LENGTH_ENCODING parameter is the position in this tuple."""


@dataclass(frozen=True)
class RuleField:
    """One member of ``rules_t``: its width and how it is computed from the rules of a direction."""

    name: str
    bits: int
    value: Callable[[DirectionRules], int]


def _forbidden(rules: DirectionRules) -> int:
    return sum(1 << residue for residue in rules.end_forbidden)


RULE_WORD = (
    RuleField("address_mask", 16, lambda r: r.address_align - 1),
    RuleField("skew_mask", 16, lambda r: r.skew_modulus - 1),
    RuleField("skew_residue", 16, lambda r: r.skew_residue),
    RuleField("residue_mask", 16, lambda r: r.residue_match - 1),
    RuleField("length_mask", 16, lambda r: r.length_align - 1),
    RuleField("tail_mask", 16, lambda r: r.tail_align - 1),
    RuleField("gap_mask", 32, lambda r: r.gap_boundary - 1),
    RuleField("boundary_used", 1, lambda r: int(r.segment_boundary != 0)),
    RuleField("boundary_mask", 32, lambda r: max(r.segment_boundary, 1) - 1),
    RuleField("end_mask", 6, lambda r: r.end_modulus - 1),
    RuleField("end_forbidden", 64, _forbidden),
    RuleField("min_segment_size", 32, lambda r: r.min_segment_size),
    RuleField("max_segment_size", 32, lambda r: r.max_segment_size),
    RuleField("max_last_segment", 32, lambda r: r.max_last_segment),
    RuleField("max_segments", 16, lambda r: r.max_segments),
    RuleField("total_mask", 16, lambda r: r.total_align - 1),
    RuleField("max_request_size", 32, lambda r: r.max_request_size),
)
"""Members of ``rules_t`` from bit 0 upwards."""


def rules_word_bits() -> int:
    """Width of ``rules_t`` in bits."""
    return sum(field.bits for field in RULE_WORD)


def pack_rules(rules: DirectionRules) -> int:
    """The rules of one direction as the integer value of ``rules_t``.

    Raises:
        ValueError: a value does not fit its member (the rule loader's limits exclude it).
    """
    word, offset = 0, 0
    for field in RULE_WORD:
        value = field.value(rules)
        if not 0 <= value < 1 << field.bits:
            raise ValueError(f"rule member {field.name} = {value} does not fit {field.bits} bits")
        word |= value << offset
        offset += field.bits
    return word


def ring_align(rules: RuleSet) -> int:
    """Alignment in bytes that the base of a submission or completion ring needs."""
    return max(rules.table_align, RING_ALIGN_MIN)
