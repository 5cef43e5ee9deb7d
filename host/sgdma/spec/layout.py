"""Memory layouts shared by host and device: submission slots and completion records.

Little-endian throughout. A submission ring is an array of 16-byte slots. A request is one header slot followed by
``segment_count`` segment slots, wrapping at the ring's end. A completion ring is an array of 32-byte records.

Each layout is a tuple of :class:`Field` in order of rising bit position; the numpy dtype, the SystemVerilog packed
struct and the C struct are all derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["COMPLETION", "COMPLETION_BYTES", "COMPLETION_LAYOUT", "HEADER", "HEADER_LAYOUT", "LAYOUTS", "SEGMENT",
           "SEGMENT_LAYOUT", "SLOT_BYTES", "Field", "Layout"]

SLOT_BYTES = 16
COMPLETION_BYTES = 32


@dataclass(frozen=True)
class Field:
    """One field of a layout: ``bits`` wide; fields narrower than a byte share one numpy member named ``member``."""

    name: str
    bits: int
    description: str
    member: str = ""


@dataclass(frozen=True)
class Layout:
    """A fixed-size record. ``fields`` are listed from bit 0 upwards and fill ``bytes`` exactly."""

    name: str
    description: str
    fields: tuple[Field, ...]

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return sum(field.bits for field in self.fields) // 8

    def members(self) -> list[tuple[str, int]]:
        """(name, bits) of the numpy and C members: sub-byte fields merged into their common member."""
        merged: dict[str, int] = {}
        for field in self.fields:
            name = field.member or field.name
            merged[name] = merged.get(name, 0) + field.bits
        return list(merged.items())

    def dtype(self) -> np.dtype[np.void]:
        """The numpy structured dtype; 48-bit members become a low u4 and a high u2."""
        columns: list[tuple[str, str]] = []
        for name, bits in self.members():
            if bits == 48:
                columns += [(f"{name}_lo", "<u4"), (f"{name}_hi", "<u2")]
            else:
                columns.append((name, f"<u{bits // 8}"))
        dtype = np.dtype(columns)
        assert dtype.itemsize == self.bytes, (self.name, dtype.itemsize)
        return dtype


HEADER_LAYOUT = Layout("header", "First slot of a request.", (
    Field("card_address", 48, "Byte address on the card (memory port), or the start of the pattern (pattern port)."),
    Field("segment_count", 16, "Number of segment slots that follow."),
    Field("total_length", 32, "Sum of the segments' lengths in bytes."),
    Field("tag", 16, "Chosen by the host; returned in the completion and repeated in every segment slot."),
    Field("flags", 8, "Bits 1:0 port on the card (0 loopback, 1 pattern, 2 memory); the rest must be zero."),
    Field("opcode", 4, "1 = H2C, 2 = C2H.", "kind_opcode"),
    Field("kind", 4, "0xA marks a header slot.", "kind_opcode"),
))

SEGMENT_LAYOUT = Layout("segment", "One piece of host memory of a request.", (
    Field("address", 64, "Bus address (IOVA) of the first byte."),
    Field("length", 32, "Length in the rule set's length encoding."),
    Field("tag", 16, "The request's tag."),
    Field("index", 12, "Position of this segment in the request, from 0.", "kind_index"),
    Field("kind", 4, "0x5 marks a segment slot.", "kind_index"),
))

COMPLETION_LAYOUT = Layout("completion", "Record in a completion ring.", (
    Field("tag", 16, "The request's tag (of a BAD_HEADER: whatever stood in the tag's place)."),
    Field("sequence_number", 16, "Counts the completions of this queue from 0, modulo 65536."),
    Field("segment_index", 16, "Segment that failed; 0xFFFF when none."),
    Field("status", 8, "See the status codes; 0 is OK."),
    Field("opcode", 8, "The request's opcode nibble."),
    Field("bytes_moved", 32, "Contiguous bytes from the request's start that memory acknowledged without error."),
    Field("crc32c", 32, "CRC32C of the payload in stream order; 0 where the build has none or the status is not OK."),
    Field("timestamp", 64, "Device clock cycles at which this record was made."),
    Field("sq_head", 32, "Submission slots that the device has consumed, modulo 2**20: these may be written again."),
    Field("queue", 16, "The queue pair."),
    Field("phase", 16, "Bit 0 toggles at each wrap, starting with 1; written together with the rest."),
))

LAYOUTS = (HEADER_LAYOUT, SEGMENT_LAYOUT, COMPLETION_LAYOUT)
HEADER = HEADER_LAYOUT.dtype()
SEGMENT = SEGMENT_LAYOUT.dtype()
COMPLETION = COMPLETION_LAYOUT.dtype()

CARD_LAST = (1 << next(field.bits for field in HEADER_LAYOUT.fields if field.name == "card_address")) - 1
"""Highest address on the card."""

SQ_POINTER_BITS = 20
"""Submission ring indices run freely modulo 2**20; a ring has at most 2**19 slots."""
CQ_POINTER_BITS = 16
"""Completion ring indices (= sequence numbers) run freely modulo 2**16; a ring has at most 2**15 records."""
