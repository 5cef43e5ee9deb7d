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
    counts = np.diff(offsets)
    slots = np.zeros((len(addresses) + len(counts), SLOT_BYTES), np.uint8)
    first = int(offsets[0])
    request = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(len(addresses)) + request + 1
    headers, segments = slots.view(HEADER)[:, 0], slots.view(SEGMENT)[:, 0]

    rows = np.zeros(len(addresses), SEGMENT)
    rows["address"], rows["length"], rows["tag"] = addresses, fields, tags[request]
    index = np.arange(len(addresses)) - (offsets[:-1] - first)[request]
    rows["kind_index"] = (index & 0xFFF) | SlotKind.SEGMENT << 12
    segments[places] = rows

    tops = np.zeros(len(counts), HEADER)
    tops["card_address_lo"], tops["card_address_hi"] = cards & np.uint64(0xFFFFFFFF), cards >> np.uint64(32)
    tops["segment_count"], tops["total_length"], tops["tag"], tops["flags"] = counts, totals, tags, ports
    tops["kind_opcode"] = direction | SlotKind.HEADER << 4
    headers[offsets[:-1] - first + np.arange(len(counts))] = tops
    return slots
