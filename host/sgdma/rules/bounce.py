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
from sgdma.rules.pieces import I64, Grid, Stream, subdivide

__all__ = ["Copies", "Layout", "base_align", "copies", "layout", "slot_offsets"]


@dataclasses.dataclass(frozen=True)
class Layout:
    """``offset``: place in the request's area of every bounced segment; ``size``, ``align`` per request."""

    offset: I64
    size: I64
    align: I64


@dataclasses.dataclass(frozen=True)
class Copies:
    """Byte ranges to copy, one element each: piece -> bounce area before H2C, bounce area -> piece after C2H."""

    bounds: I64  # request i owns bounds[i]:bounds[i + 1]
    piece: I64  # index in the caller's list
    address: I64
    offset: I64  # in the request's bounce area
    length: I64


def base_align(side: DirectionRules, grid: Grid) -> int:
    """The modulus of everything a bounced address must obey, segment_boundary apart."""
    return max(grid.inner, side.residue_match, side.end_modulus)


def slot_offsets(side: DirectionRules, grid: Grid, start: I64, end: I64, total: I64 | int, card: I64 | int) -> I64:
    """Offset of every segment inside a slot that starts on a multiple of :func:`base_align`.

    `total`, `card`: of each segment's request, or one for all.
    """
    offset = np.full(len(start), grid.residue, np.int64)
    period = grid.first
    if side.residue_match > period:
        offset, period = (card + start) & (side.residue_match - 1), side.residue_match
    if side.gap_boundary > 1:
        opening = (start == 0) & (end < total) & (side.gap_boundary > period)
        offset = np.where(opening, (start - end) & (side.gap_boundary - 1), offset)
    if side.end_forbidden and period < side.end_modulus:
        periods = np.full(len(start), period, np.int64)
        if side.gap_boundary > 1:
            periods = np.where(opening | (start > 0), max(period, side.gap_boundary), period)
        offset = offset + _shift_to_good_end(side, offset + end - start, periods)
    return offset


def layout(stream: Stream, rows: Rows, grid: Grid, side: DirectionRules) -> Layout:
    """Place all bounced rows, each request in an area of its own that starts on a multiple of its ``align``."""
    which, bounds, align = rows.which, rows.which_bounds, base_align(side, grid)
    aligns = np.full(len(stream.total), align, np.int64)
    if not len(which):
        return Layout(which, np.zeros_like(aligns), aligns)
    request = np.repeat(np.arange(len(aligns)), bounds[1:] - bounds[:-1])
    total, card = stream.total.take(request), stream.card.take(request)
    inside = slot_offsets(side, grid, rows.start.take(which), rows.end.take(which), total, card)
    slot = (inside + (rows.length.take(which) + (align - 1))) & -align
    place, size = _stack(bounds, slot)
    if side.segment_boundary:
        large = size > side.segment_boundary
        if large.any():
            slot = np.where(large[request], _power_above(slot), slot)
            order = np.lexsort((np.where(large[request], -slot, 0), request))
            sorted_place, size = _stack(bounds, slot[order])
            place = np.empty_like(sorted_place)
            place[order] = sorted_place
        aligns = np.where(size > 0, np.maximum(align, np.minimum(side.segment_boundary, _power_above(size))), align)
    return Layout(place + inside, size, aligns)


def copies(stream: Stream, rows: Rows, offset: I64) -> Copies:
    """What each bounced row takes from which piece; pieces stay apart even where their addresses are adjacent."""
    which, bounds = rows.which, rows.which_bounds
    if not len(which):
        return Copies(bounds, which, which, which, which)
    begin = rows.start.take(which) + np.repeat(stream.base, bounds[1:] - bounds[:-1])
    end = begin + rows.length.take(which)
    first = _holding(stream, begin, rows.piece.take(which))
    others = _holding(stream, end - 1, first) - first
    several = np.flatnonzero(others)
    owner, added, _, rank = subdivide(len(which), several, others[several])
    piece = first.take(owner)
    piece[added] += rank + 1
    place = stream.place.take(piece)
    low = np.maximum(begin.take(owner), place)
    high = np.minimum(end.take(owner), stream.place.take(piece + 1))
    address = stream.address.take(piece) + low - place
    inside = (offset - begin).take(owner) + low
    index = piece if stream.index is None else stream.index.take(piece)
    return Copies(np.searchsorted(owner, bounds), index, address, inside, high - low)


def _holding(stream: Stream, place: I64, piece: I64) -> I64:
    """The piece that holds each place, given one at or before it; few are further on than given."""
    further = np.flatnonzero(stream.place.take(piece + 1) <= place)
    if len(further):
        piece = piece.copy()
        piece[further] = np.searchsorted(stream.place, place[further], side="right") - 1
    return piece


def _shift_to_good_end(side: DirectionRules, end: I64, period: I64) -> I64:
    """The least multiple of `period` to add so that the segment ends on an allowed residue; 0 where none helps."""
    shift = np.zeros(len(end), np.int64)
    for step in np.unique(period).tolist():
        if step >= side.end_modulus:
            continue
        forward = np.maximum(end_table(side, step, sign=-1), 0)
        shift = np.where(period == step, forward[end & (side.end_modulus - 1)], shift)
    return shift


def _stack(bounds: I64, slot: I64) -> tuple[I64, I64]:
    """Slots one after the other inside each request: (place, area size per request)."""
    top = np.zeros(len(slot) + 1, np.int64)
    np.cumsum(slot, out=top[1:])
    edges = top[bounds]
    return top[:-1] - np.repeat(edges[:-1], bounds[1:] - bounds[:-1]), edges[1:] - edges[:-1]


def _power_above(value: I64) -> I64:
    """The least power of two that is at least `value` (1..2**52)."""
    result: I64 = (2.0 ** np.ceil(np.log2(np.maximum(value, 1)))).astype(np.int64)
    return result
