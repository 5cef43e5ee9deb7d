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
    direct = high > low
    request, shift = runs.request, runs.address - runs.start  # memory address minus stream position
    if not direct.all():
        kept = np.flatnonzero(direct)
        request, low, high, shift = request[kept], low[kept], high[kept], shift[kept]
    gap_request, gap_low, gap_high = _complement(stream, request, low, high)

    cut = _cut_class(grid, side, phase[request] if grid.tied > 1 or side.gap_boundary > 1 else 0, shift)
    owner, low = _split(low, high, side.max_segment_size, cut, side, stream.total, request)
    room = side.max_segment_size
    if side.segment_boundary:
        room = min(room, side.segment_boundary - _worst_offset(side, grid))
    cut = phase[gap_request], step
    gap_owner, gap_low = _split(gap_low, gap_high, max(room, 1), cut, side, stream.total, gap_request)
    return _weave(stream, (request[owner], low, shift[owner] + low), (gap_request[gap_owner], gap_low))


def end_table(side: DirectionRules, step: int, sign: int = 1) -> I64:
    """For a residue of an end address modulo end_modulus: how far back, in multiples of `step`, an end is allowed.

    With `sign` -1, how far on. -1 where no multiple helps. Shape (end_modulus,); index with the residue of address
    plus length.
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
    request, low, high = runs.request, runs.start, runs.reach
    shift = runs.address - runs.start
    phase = grid.phase[request] if grid.tied > 1 else 0
    refused: Bool | None = None  # runs that no cut can meet
    if max(grid.inner, grid.step) > 1:
        common = min(grid.inner, grid.step)
        refused = _off(shift + (phase - grid.residue), common) if common > 1 else None
        # Positions of residue `grid.residue - shift` modulo `inner` have a good address.
        target = grid.residue - shift if grid.inner >= grid.step else phase
        low = _round_up(low, target, max(grid.inner, grid.step))
    if not grid.possible.all():
        refused = ~grid.possible[request] | (False if refused is None else refused)
    opening: Bool | None = None  # first segments need neither gap boundary nor grid; without those it says nothing new
    if side.gap_boundary > 1 or not grid.possible.all():
        opening = (runs.start == 0) & ~_off(runs.address - grid.residue, grid.first)
        low = np.where(opening, 0, low)

    modulus = max(side.gap_boundary, grid.step)
    if modulus > 1 or side.end_forbidden or refused is not None:
        high = _latest_end(stream, runs, grid, side, low, refused, opening)
    if side.residue_match > 1:
        high = np.where(_off(shift - stream.card[request], side.residue_match), low, high)
    return low, high


def _latest_end(
    stream: Stream, runs: Runs, grid: Grid, side: DirectionRules, low: I64, refused: Bool | None, opening: Bool | None
) -> I64:
    """Where the last direct segment of every run ends at the latest; `low` where there is none."""
    shift, modulus = runs.address - runs.start, max(side.gap_boundary, grid.step)
    if side.gap_boundary >= max(grid.step, 2):
        high = runs.reach - ((runs.reach + shift) & (modulus - 1))
    else:
        high = _round_down(runs.reach, grid.phase[runs.request] if grid.tied > 1 else 0, modulus)
    if side.end_forbidden:
        back = end_table(side, modulus)[(shift + high) & (side.end_modulus - 1)]
        high = np.where(back < 0, low, high - back)
    if refused is not None:
        high = np.where(refused, low, high)

    # The last run of a request may end anywhere.
    final = np.searchsorted(runs.request, np.arange(len(stream.total)), side="right") - 1
    total = runs.end[final]
    closing = runs.reach[final] == total
    if side.end_forbidden:
        closing &= end_table(side, side.end_modulus)[(shift[final] + total) & (side.end_modulus - 1)] == 0
    if refused is not None:
        alone = False if opening is None else opening[final] & (total <= side.max_segment_size)
        closing &= ~refused[final] | alone
    high[final[closing]] = total[closing]
    return high


def _best_phase(stream: Stream, runs: Runs, grid: Grid, side: DirectionRules, low: I64, high: I64) -> I64:
    """For every request, the phase of cuts modulo gap_boundary under which most bytes are direct."""
    gap = side.gap_boundary
    key = runs.request * gap + ((runs.start - runs.address) & (gap - 1))
    keys, place = np.unique(key, return_inverse=True)
    gain = np.bincount(place, weights=np.maximum(high - low, 0).astype(np.float64))  # exact below 2**53
    order = np.lexsort((gain, keys // gap))
    winner = order[np.searchsorted(keys[order] // gap, np.arange(len(stream.total)), side="right") - 1]
    return np.where(gain[winner] > 0, keys[winner] & (gap - 1), grid.phase)


def _cut_class(grid: Grid, side: DirectionRules, phase: I64 | int, shift: I64) -> tuple[I64 | int, int]:
    """(residue, modulus) of positions where a direct run may be cut in two: a good end and a good start."""
    modulus = max(grid.inner, grid.step)
    residue: I64 | int = grid.residue - shift if grid.inner >= grid.step else phase
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
    count, size = len(stream.total), len(request)
    before = np.zeros(size, np.int64)
    before[1:] = high[:-1]
    bounds = np.searchsorted(request, np.arange(count + 1))
    filled = bounds[:-1] < bounds[1:]
    before[bounds[:-1][filled]] = 0
    after = np.zeros(count, np.int64)
    after[filled] = high[bounds[1:][filled] - 1]
    inner, outer = np.flatnonzero(low > before), np.flatnonzero(after < stream.total)
    owner = np.concatenate((request[inner], outer))
    order = np.argsort(owner, kind="stable")  # inside a request, the gap at its end comes last
    begin = np.concatenate((before[inner], after[outer]))
    return owner[order], begin[order], np.concatenate((low[inner], stream.total[outer]))[order]


def _split(
    low: I64, high: I64, longest: int, cut: tuple[I64 | int, int], side: DirectionRules, totals: I64, request: I64
) -> tuple[I64 | slice, I64]:
    """Cut every interval into segments of at most `longest` (and a short last one): (owner, start)."""
    if not len(low) or (not side.max_last_segment and int((high - low).max()) <= longest):
        return slice(None), low
    residue, modulus = cut
    stop = high  # the part [stop, high) becomes the short last segment of the request
    if side.max_last_segment:
        total = totals[request]
        short = _round_up(total - side.max_last_segment, residue, modulus)
        stop = np.where((high == total) & (low < short) & (short < total), short, high)
    stride = max(longest // modulus * modulus, 1)
    first = _round_down(low + longest, residue, modulus)
    cuts = np.where((stop - low > longest) & (first > low), -((first - stop) // stride), 0)
    owner, rank = expand(cuts + 1 + (stop < high))
    begin = np.where(rank > 0, first[owner] + (rank - 1) * stride, low[owner])
    begin = np.where(rank > cuts[owner], stop[owner], begin)
    if side.min_segment_size > 1:  # a remainder that is too short takes from its neighbour
        latest = _round_down(stop - side.min_segment_size, residue, modulus)[owner]
        shrunk = (rank > 0) & (rank == cuts[owner]) & (latest < begin)
        shrunk[1:] &= latest[1:] > begin[:-1]  # starts stay in order
        begin = np.where(shrunk, latest, begin)
    return owner, begin


def _weave(stream: Stream, direct: tuple[I64, I64, I64], bounced: tuple[I64, I64]) -> Rows:
    """Both kinds of segments, (request, start) and the direct ones' addresses, merged in stream order."""
    spots = np.searchsorted(stream.base[direct[0]] + direct[1], stream.base[bounced[0]] + bounced[1])
    spots += np.arange(len(spots))
    mask = np.zeros(len(direct[0]) + len(spots), np.bool_)
    mask[spots] = True
    others = np.flatnonzero(~mask)
    start, address = np.empty(len(mask), np.int64), np.zeros(len(mask), np.int64)
    start[others], start[spots] = direct[1], bounced[1]
    address[others] = direct[2]
    # Segments cover every stream without holes: each ends where the next one of its request starts.
    count = len(stream.total)
    sizes = np.bincount(direct[0], minlength=count) + np.bincount(bounced[0], minlength=count)
    end = np.empty(len(mask), np.int64)
    end[:-1] = start[1:]
    end[np.cumsum(sizes) - 1] = stream.total
    return Rows(np.repeat(np.arange(count), sizes), start, end, address, mask)


def _off(value: I64, power: int) -> Bool:
    result: Bool = value & (power - 1) != 0
    return result


def _round_up(value: I64, residue: I64 | int, power: int) -> I64:
    """The first position from `value` on that is `residue` modulo `power`."""
    return value + ((residue - value) & (power - 1))


def _round_down(value: I64, residue: I64 | int, power: int) -> I64:
    return value - ((value - residue) & (power - 1))
