"""The language of alignment rules: what a device demands of every DMA segment, as frozen values and as TOML.

A rule set is the single source for the hardware's parameters, the model, the planner and the shared suite. Words are
those of Linux' ``struct queue_limits`` where it has one (include/linux/blkdev.h). All sizes are bytes.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from sgdma.rules.validity import LENGTH_ENCODINGS, MAX_LIST, check_direction_rules, check_rule_set

__all__ = ["LENGTH_ENCODINGS", "MAX_LIST", "Direction", "DirectionRules", "Rule", "RuleSet"]

U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]


class Rule(enum.IntEnum):
    """Rule classes in reporting order: on one segment the lowest wins. The numbers go into completions."""

    ADDRESS_ALIGN = 1
    SKEW = 2
    RESIDUE_MATCH = 3
    LENGTH_ALIGN = 4
    TAIL_ALIGN = 5
    MIN_SEGMENT_SIZE = 6
    MAX_SEGMENT_SIZE = 7
    MAX_LAST_SEGMENT = 8
    GAP_BOUNDARY = 9
    SEGMENT_BOUNDARY = 10
    END_RULE = 11
    ADDRESS_BITS = 12
    MAX_SEGMENTS = 13
    TOTAL_ALIGN = 14
    MAX_REQUEST_SIZE = 15
    TABLE_ALIGN = 16
    TABLE_BOUNDARY = 17


class Direction(enum.IntEnum):
    """Which way bytes go; the values are the device's opcodes."""

    H2C = 1
    """The device reads host memory."""
    C2H = 2
    """The device writes host memory."""

    @classmethod
    def _missing_(cls, value: object) -> Direction | None:
        """By name, as the command line has it: "h2c"."""
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DirectionRules:
    """What one direction demands. Defaults are neutral: they forbid nothing.

    Every modulus, alignment and boundary is a power of two; sizes and counts are arbitrary.
    Raises :class:`RulesFileError` on a value or combination that no hardware could obey.
    """

    max_segment_size: int
    max_segments: int
    max_request_size: int
    address_align: int = 1
    length_align: int = 1
    tail_align: int = 0  # 0 on construction stands for "as length_align"
    skew_modulus: int = 1
    skew_residue: int = 0
    residue_match: int = 1
    gap_boundary: int = 1
    segment_boundary: int = 0  # 0: none
    end_modulus: int = 1
    end_forbidden: tuple[int, ...] = ()
    min_segment_size: int = 1
    max_last_segment: int = 0  # 0: none
    total_align: int = 1

    def __post_init__(self) -> None:
        if self.tail_align == 0:
            object.__setattr__(self, "tail_align", self.length_align)
        object.__setattr__(self, "end_forbidden", tuple(sorted(set(self.end_forbidden))))
        if not self.end_forbidden:
            object.__setattr__(self, "end_modulus", 1)
        check_direction_rules(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuleSet:
    """One device's rules, both directions, with the sentence that says where they come from.

    Raises :class:`RulesFileError` when a value can't be obeyed or a size doesn't fit the length field.
    """

    name: str
    title: str
    source: str
    address_bits: int
    length_bits: int
    table_align: int
    length_encoding: str = "plain"
    table_boundary: int = 0  # 0: none
    h2c: DirectionRules
    c2h: DirectionRules

    def __post_init__(self) -> None:
        check_rule_set(self)

    def direction(self, direction: Direction) -> DirectionRules:
        """The rules of one direction."""
        return self.h2c if Direction(direction) is Direction.H2C else self.c2h

    @property
    def encodable(self) -> range:
        """Lengths, in bytes, that the descriptor's length field can say."""
        field = 1 << self.length_bits
        return range(1, field) if self.length_encoding == "plain" else range(1, field + 1)

    def encode_length(self, lengths: npt.ArrayLike) -> U32:
        """Byte lengths (any shape, each in :attr:`encodable`) -> the length fields, same shape.

        A length outside :attr:`encodable` wraps as it would in the field: a test may want the wrong one.
        """
        array = np.asarray(lengths, dtype=np.uint64)
        if self.length_encoding == "minus_one":
            array = array - np.uint64(1)
        return (array & np.uint64((1 << self.length_bits) - 1)).astype(np.uint32)

    def decode_length(self, fields: npt.ArrayLike) -> U64:
        """Length fields (any shape) -> byte lengths as the device reads them, same shape; bits above the field drop."""
        array = np.asarray(fields, dtype=np.uint64) & np.uint64((1 << self.length_bits) - 1)
        if self.length_encoding == "minus_one":
            return array + np.uint64(1)
        if self.length_encoding == "zero_is_max":
            return np.where(array == 0, np.uint64(1 << self.length_bits), array)
        return array

    def semantics(self) -> dict[str, Any]:
        """Everything that changes behaviour, and nothing else: no name, title or source."""
        values = dataclasses.asdict(self)
        return {key: value for key, value in values.items() if key not in ("name", "title", "source")}

    def content_hash(self) -> str:
        """16 hex digits over :meth:`semantics`; equal for two files that demand the same."""
        text = json.dumps(self.semantics(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The set as a file that :func:`sgdma.rules.load` reads back to an equal value."""
        from sgdma.rules.files import to_toml  # files builds on this module

        return to_toml(self)
