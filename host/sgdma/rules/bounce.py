"""Where bounced segments lie in a request's bounce area, and which bytes to copy between it and the pieces.

Every bounced segment gets a slot whose size is a multiple of all moduli, so its residues don't depend on its
neighbours; segments of one area therefore leave small holes between them. An area larger than segment_boundary is laid
out in power-of-two slots, largest first: then no slot crosses a boundary.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from sgdma.rules.direct import Rows, end_table
from sgdma.rules.language import DirectionRules
from sgdma.rules.pieces import I64, Grid, Stream, expand

__all__ = ["Copies", "Layout", "base_align", "copies", "layout", "slot_offsets"]


@dataclasses.dataclass(frozen=True)
class Layout:
    """``offset``: place in the request's area of every segment, 0 for direct ones; ``size``, ``align`` per request."""

    offset: I64
    size: I64
    align: I64


@dataclasses.dataclass(frozen=True)
class Copies:
    """Byte ranges to copy, one element each: piece -> bounce area before H2C, bounce area -> piece after C2H."""

    request: I64
    piece: I64  # index in the caller's list
    address: I64
    offset: I64  # in the request's bounce area
    length: I64


def base_align(side: DirectionRules, grid: Grid) -> int:
    """The modulus of everything a bounced address must obey, segment_boundary apart."""
    return max(grid.inner, side.residue_match, side.end_modulus)


def slot_offsets(stream: Stream, rows: Rows, grid: Grid, side: DirectionRules) -> I64:
    """Offset of every row inside a slot that starts on a multiple of :func:`base_align`."""
    total, card = stream.total[rows.request], stream.card[rows.request]
    offset = np.full(len(rows.start), grid.residue, np.int64)
    period = grid.first
    if side.residue_match > period:
        offset, period = (card + rows.start) & (side.residue_match - 1), side.residue_match
    if side.gap_boundary > 1:
        opening = (rows.start == 0) & (rows.end < total) & (side.gap_boundary > period)
        offset = np.where(opening, (rows.start - rows.end) & (side.gap_boundary - 1), offset)
        period_of_row = np.where(opening | (rows.start > 0), max(period, side.gap_boundary), period)
    else:
        period_of_row = np.full(len(rows.start), period, np.int64)
    if side.end_forbidden and period < side.end_modulus:
        offset = offset + _shift_to_good_end(side, offset + rows.end - rows.start, period_of_row)
    return offset


def layout(stream: Stream, rows: Rows, grid: Grid, side: DirectionRules) -> Layout:
    """Place all bounced rows, each request in an area of its own that starts on a multiple of its ``align``."""
    which = np.flatnonzero(rows.bounced)
    bounced = Rows(*(getattr(rows, field.name)[which] for field in dataclasses.fields(Rows)))
    inside = slot_offsets(stream, bounced, grid, side)
    used = inside + bounced.end - bounced.start
    align = base_align(side, grid)
    slot = (used + align - 1) & -align
    place, size = _stack(stream, bounced.request, slot)
    aligns = np.full(len(stream.total), align, np.int64)
    if side.segment_boundary:
        large = size > side.segment_boundary
        if large.any():
            slot = np.where(large[bounced.request], _power_above(slot), slot)
            order = np.lexsort((np.where(large[bounced.request], -slot, 0), bounced.request))
            sorted_place, size = _stack(stream, bounced.request[order], slot[order])
            place = np.empty_like(sorted_place)
            place[order] = sorted_place
        aligns = np.where(size > 0, np.maximum(align, np.minimum(side.segment_boundary, _power_above(size))), align)
    offset = np.zeros(len(rows.start), np.int64)
    offset[which] = place + inside
    return Layout(offset, size, aligns)


def copies(stream: Stream, rows: Rows, offset: I64) -> Copies:
    """What each bounced row takes from which piece; pieces stay apart even where their addresses are adjacent."""
    which = np.flatnonzero(rows.bounced)
    request = rows.request[which]
    begin, end = stream.base[request] + rows.start[which], stream.base[request] + rows.end[which]
    piece_begin = stream.place
    first = np.searchsorted(piece_begin, begin, side="right") - 1
    owner, rank = expand(np.searchsorted(piece_begin, end, side="left") - first)
    piece = first[owner] + rank
    low = np.maximum(begin[owner], piece_begin[piece])
    high = np.minimum(end[owner], piece_begin[piece] + stream.length[piece])
    return Copies(
        request[owner],
        stream.index[piece],
        stream.address[piece] + low - piece_begin[piece],
        offset[which][owner] + low - begin[owner],
        high - low,
    )


def _shift_to_good_end(side: DirectionRules, end: I64, period: I64) -> I64:
    """The least multiple of `period` to add so that the segment ends on an allowed residue; 0 where none helps."""
    shift = np.zeros(len(end), np.int64)
    for step in np.unique(period).tolist():
        if step >= side.end_modulus:
            continue
        forward = np.maximum(end_table(side, step, sign=-1), 0)
        shift = np.where(period == step, forward[end & (side.end_modulus - 1)], shift)
    return shift


def _stack(stream: Stream, request: I64, slot: I64) -> tuple[I64, I64]:
    """Slots one after the other inside each request: (place, area size per request)."""
    top = np.zeros(len(slot) + 1, np.int64)
    np.cumsum(slot, out=top[1:])
    bounds = np.searchsorted(request, np.arange(len(stream.total) + 1))
    return top[:-1] - top[bounds[:-1]][request], top[bounds[1:]] - top[bounds[:-1]]


def _power_above(value: I64) -> I64:
    """The least power of two that is at least `value` (1..2**52)."""
    result: I64 = (2.0 ** np.ceil(np.log2(np.maximum(value, 1)))).astype(np.int64)
    return result
