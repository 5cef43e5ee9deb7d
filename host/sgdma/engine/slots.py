"""Requests as submission slots, many at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sgdma.rules import Direction
from sgdma.spec.layout import HEADER, SEGMENT, SLOT_BYTES
from sgdma.spec.status import SlotKind

__all__ = ["build_slots"]

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


def build_slots(
    direction: Direction, ports: npt.ArrayLike, cards: U64, totals: npt.ArrayLike, tags: npt.NDArray[np.uint16],
    addresses: U64, fields: npt.NDArray[np.uint32], offsets: I64,
) -> U8:  # fmt: skip
    """Slots of k requests, u8 (n + k, 16).

    `cards`, `totals`, `tags`: (k,); `ports`: (k,) or one. Request i owns the segments ``offsets[i]:offsets[i + 1]`` of
    `addresses` and `fields` (encoded lengths), (n,) each.
    """
    counts = offsets[1:] - offsets[:-1]
    slots = np.empty((len(addresses) + len(counts), SLOT_BYTES), np.uint8)
    headers, segments = slots.view(HEADER)[:, 0], slots.view(SEGMENT)[:, 0]
    places = offsets[:-1] - offsets[0] + np.arange(len(counts))  # of the headers

    listed = np.ones(len(slots), np.bool_)
    listed[places] = False
    others = np.flatnonzero(listed)
    segments["address"][others], segments["length"][others] = addresses, fields
    segments["tag"] = np.repeat(tags, counts + 1)
    index = np.arange(-1, len(slots) - 1) - np.repeat(places, counts + 1)
    segments["kind_index"] = (index & 0xFFF) | SlotKind.SEGMENT << 12

    tops = np.empty(len(counts), HEADER)
    tops["card_address_lo"], tops["card_address_hi"] = cards & np.uint64(0xFFFFFFFF), cards >> np.uint64(32)
    tops["segment_count"], tops["total_length"], tops["tag"], tops["flags"] = counts, totals, tags, ports
    tops["kind_opcode"] = direction | SlotKind.HEADER << 4
    headers[places] = tops
    return slots
