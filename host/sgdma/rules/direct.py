"""The vectorised choice: the most bytes that each run could move directly, and everything else bounced.

Within one run a direct segment starts in one residue class and ends at an allowed place, so nothing outside
[first such start, last such end) can ever be direct, whatever the rest of the plan does. (With a gap boundary all cuts
of a request share one phase modulo it; the phase of most bytes is taken.) The sum over runs is therefore an upper
bound, and a plan that attains it and passes the hardware's check is optimal. Where it can't be attained,
:mod:`sgdma.rules.exact` searches.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from sgdma.rules.language import DirectionRules
from sgdma.rules.pieces import I64, Bool, Grid, Runs, Stream, expand

__all__ = ["Rows", "choose", "end_table"]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Segments of a batch in stream order: [start, end) of `request`, at memory `address` unless `bounced`."""

    request: I64
    start: I64
    end: I64
    address: I64
    bounced: Bool


def choose(stream: Stream, runs: Runs, grid: Grid, side: DirectionRules) -> Rows:
    """Segments that attain the bound wherever that is possible at all; the check decides whether they conform."""
    low, high = _widest(stream, runs, grid, side)
    phase, step = grid.phase, grid.step
    if side.gap_boundary > step:
        phase, step = _best_phase(stream, runs, grid, side, low, high), side.gap_boundary
        high = np.where((runs.start - runs.address - phase[runs.request]) & (side.gap_boundary - 1) == 0, high, low)
    kept = np.flatnonzero(high > low)
    request, low, high = runs.request[kept], low[kept], high[kept]
    shift = (runs.address - runs.start)[kept]  # memory address minus stream position
    gap_request, gap_low, gap_high = _complement(stream, request, low, high)

    direct = _split(low, high, shift, side.max_segment_size, _cut_class(grid, side, phase[request], shift), side,
                    stream.total[request])  # fmt: skip
    room = side.max_segment_size
    if side.segment_boundary:
        room = min(room, side.segment_boundary - _worst_offset(side, grid))
    bounced = _split(gap_low, gap_high, np.zeros_like(gap_low), max(room, 1), (phase[gap_request], step), side,
                     stream.total[gap_request])  # fmt: skip
    return _weave(stream, (request, shift, *direct), (gap_request, *bounced))


def end_table(side: DirectionRules, step: int, sign: int = 1) -> I64:
    """For a residue of an end address modulo end_modulus: how far back, in multiples of `step`, an end is allowed.

    With `sign` -1, how far on. -1 where no multiple helps. Shape (end_modulus,); index with ``end & (end_modulus - 1)``, end exclusive.
    """
    table = np.full(side.end_modulus, -1, np.int64)
    for residue in range(side.end_modulus):
        for back in range(0, max(side.end_modulus, step), step):
            if (residue - sign * back - 1) % side.end_modulus not in side.end_forbidden:
                table[residue] = back
                break
    return table


def _widest(stream: Stream, runs: Runs, grid: Grid, side: DirectionRules) -> tuple[I64, I64]:
    """[low, high) of every run: no direct byte can lie outside; low == high where none can be direct at all."""
    request = runs.request
    shift, total, phase = runs.address - runs.start, stream.total[request], grid.phase[request]
    modulus = max(grid.inner, grid.step)
    wanted = grid.residue - shift  # positions of this residue modulo `inner` have a good address
    fits = (wanted - phase) & (min(grid.inner, grid.step) - 1) == 0
    fits &= grid.possible[request]
    matched = (shift - stream.card[request]) & (side.residue_match - 1) == 0
    target = wanted if grid.inner >= grid.step else phase
    low = runs.start + ((target - runs.start) & (modulus - 1))
    opening = (runs.start == 0) & ((runs.address - grid.residue) & (grid.first - 1) == 0)
    low = np.where(opening, 0, low)

    modulus = max(side.gap_boundary, grid.step)
    target = -shift if side.gap_boundary >= grid.step else phase
    high = runs.reach - ((runs.reach - target) & (modulus - 1))
    if side.end_forbidden:
        back = end_table(side, modulus)[(shift + high) & (side.end_modulus - 1)]
        high = np.where(back < 0, low, high - back)
    closing = runs.reach == total
    if side.end_forbidden:
        closing &= end_table(side, side.end_modulus)[(shift + total) & (side.end_modulus - 1)] == 0
    high = np.where(fits, high, low)
    high = np.where(closing & (fits | opening & (total <= side.max_segment_size)), total, high)
    return low, np.where(matched & (high > low), high, low)


def _best_phase(stream: Stream, runs: Runs, grid: Grid, side: DirectionRules, low: I64, high: I64) -> I64:
    """For every request, the phase of cuts modulo gap_boundary under which most bytes are direct."""
    gap = side.gap_boundary
    key = runs.request * gap + ((runs.start - runs.address) & (gap - 1))
    keys, place = np.unique(key, return_inverse=True)
    gain = np.bincount(place, weights=(high - low).astype(np.float64))  # exact: a request is below 2**53 bytes
    order = np.lexsort((gain, keys // gap))
    winner = order[np.searchsorted(keys[order] // gap, np.arange(len(stream.total)), side="right") - 1]
    return np.where(gain[winner] > 0, keys[winner] & (gap - 1), grid.phase)


def _cut_class(grid: Grid, side: DirectionRules, phase: I64, shift: I64) -> tuple[I64, int]:
    """(residue, modulus) of positions where a direct run may be cut in two: a good end and a good start."""
    modulus = max(grid.inner, grid.step)
    residue = grid.residue - shift if grid.inner >= grid.step else phase
    if side.end_forbidden:
        back = end_table(side, modulus)[(shift + residue) & (side.end_modulus - 1)]
        residue, modulus = residue - back, max(modulus, side.end_modulus)
    return residue, modulus


def _worst_offset(side: DirectionRules, grid: Grid) -> int:
    """How far into a block of segment_boundary a bounced segment may have to start."""
    worst = grid.residue if side.residue_match <= grid.inner else side.residue_match - 1
    return worst + (max(0, side.end_modulus - grid.inner) if side.end_forbidden else 0)


def _complement(stream: Stream, request: I64, low: I64, high: I64) -> tuple[I64, I64, I64]:
    """(request, low, high) of what the given intervals leave over."""
    count = len(stream.total)
    begin = np.insert(high, np.searchsorted(request, np.arange(count)), 0)
    end = np.insert(low, np.searchsorted(request, np.arange(count), side="right"), stream.total)
    owner = np.insert(request, np.searchsorted(request, np.arange(count)), np.arange(count))
    real = np.flatnonzero(end > begin)
    return owner[real], begin[real], end[real]


def _split(
    low: I64, high: I64, shift: I64, longest: int, cut: tuple[I64, int], side: DirectionRules, total: I64
) -> tuple[I64, I64, I64]:
    """Cut every interval into segments of at most `longest` (and a short last one): (owner, start, end)."""
    residue, modulus = cut
    stop = high  # the part [stop, high) becomes the short last segment of the request
    if side.max_last_segment:
        short = total - side.max_last_segment
        short = short + ((residue - short) & (modulus - 1))
        stop = np.where((high == total) & (low < short) & (short < total), short, high)
    stride = max(longest // modulus * modulus, 1)
    first = low + longest
    first = first - ((first - residue) & (modulus - 1))
    cuts = np.where((stop - low > longest) & (first > low), -((first - stop) // stride), 0)
    counts = cuts + 1 + (stop < high)
    if len(counts) == counts.sum():
        return np.arange(len(low)), low, high
    owner, rank = expand(counts)
    begin = np.where(rank > 0, first[owner] + (rank - 1) * stride, low[owner])
    begin = np.where((rank > cuts[owner]), stop[owner], begin)
    if side.min_segment_size > 1:  # a remainder that is too short takes from its neighbour
        latest = stop - side.min_segment_size
        latest = latest - ((latest - residue) & (modulus - 1))
        begin = np.where((rank > 0) & (rank == cuts[owner]), np.minimum(begin, latest[owner]), begin)
    end = np.append(begin[1:], 0)
    final = np.append(owner[1:] != owner[:-1], True)
    return owner, begin, np.where(final, high[owner], end)


def _weave(
    stream: Stream, direct: tuple[I64, I64, I64, I64, I64], bounced: tuple[I64, I64, I64, I64]
) -> Rows:
    """Both kinds of segments in one list, in stream order."""
    request, shift, owner, start, end = direct
    gap_request, gap_owner, gap_start, gap_end = bounced
    base = np.cumsum(stream.total) - stream.total
    who = np.concatenate((request[owner], gap_request[gap_owner]))
    begin = np.concatenate((start, gap_start))
    order = np.argsort(base[who] + begin, kind="stable")  # two sorted lists: a merge
    return Rows(
        who[order],
        begin[order],
        np.concatenate((end, gap_end))[order],
        np.concatenate((shift[owner] + start, np.zeros_like(gap_start)))[order],
        order >= len(start),
    )
