"""The search: the plan of most direct bytes for one request, where the vectorised choice doesn't conform.

Cuts between segments are nodes, possible segments are edges, the gain of a direct edge is its length; among paths of
at most max_segments edges from 0 to the end the best is found level by level (level = segments used so far).

Which cuts: all of the request's grid where they are few. Otherwise those that some optimal plan uses: for a fixed
sequence of kinds of segments the best cuts solve a linear program over differences of neighbours, and at a vertex of
it every cut hangs on the edge of a run, or on an end of the request, by a chain of segments of limiting size. The set
is closed under such chains. Beyond `LIMIT` edges only the edges of runs and whole strides are kept; such a plan
conforms but isn't proven to be the best.
"""

from __future__ import annotations

import numpy as np

from sgdma.rules.bounce import slot_offsets
from sgdma.rules.direct import Rows, end_table
from sgdma.rules.language import DirectionRules
from sgdma.rules.pieces import I64, Bool, Grid, Runs, Stream, expand

__all__ = ["FULL_GRID", "LIMIT", "solve"]

FULL_GRID = 1 << 11
"""Cuts up to which the whole grid is searched."""
LIMIT = 1 << 22
"""Edges up to which the search is complete."""

_NEVER = np.int64(-1 << 62)


def solve(stream: Stream, runs: Runs, grid: Grid, side: DirectionRules, request: int) -> tuple[Rows, bool] | None:
    """(segments, proven best) of one request, or None when no conforming plan exists among the cuts searched."""
    mine = runs.of(request)
    total = int(stream.total[request])
    cuts, proven = _cuts(mine, grid, side, total, int(grid.phase[request]), bool(grid.possible[request]))
    tail, head = _pairs(cuts, side)
    start, end = cuts[tail], cuts[head]
    gain, run = _direct_gain(mine, grid, side, start, end, total, int(stream.card[request]))
    bounce = _bounce_fits(grid, side, start, end, total, int(stream.card[request]))
    gain = np.where(gain >= 0, gain, np.where(bounce, 0, -1))
    kept = np.flatnonzero(gain >= 0)
    path = _best_path(len(cuts), tail[kept], head[kept], gain[kept], side.max_segments)
    if path is None:
        return None
    chosen = kept[path]
    direct = gain[chosen] > 0
    address = np.where(direct, (mine.address - mine.start)[run[chosen]] + start[chosen], 0)
    piece = np.full(len(chosen), mine.piece[0])
    return Rows(start[chosen], end[chosen], address, ~direct, piece, np.array([0, len(chosen)])), proven


def _cuts(runs: Runs, grid: Grid, side: DirectionRules, total: int, phase: int, possible: bool) -> tuple[I64, bool]:
    """Sorted positions where segments may meet, with 0 and `total`, and whether they suffice for the best plan."""
    ends = np.array([0, total])
    if not possible:
        return ends, True
    if total // grid.step <= FULL_GRID:
        inner = np.arange(phase, total, grid.step)
        return np.unique(np.concatenate((ends, inner))), True
    room = min(side.max_segment_size, side.segment_boundary or side.max_segment_size)
    sizes = np.array([side.max_segment_size, room, side.max_last_segment, side.min_segment_size])  # of outer segments
    seeds = np.concatenate((sizes, total - sizes, *_edges(runs, grid, side)))
    cuts, closed = _close(_snap(seeds, grid.step, phase, total), _strides(grid, side), total, side)
    return np.unique(np.concatenate((ends, cuts))), closed and not side.end_forbidden


def _edges(runs: Runs, grid: Grid, side: DirectionRules) -> tuple[I64, ...]:
    """Where direct stretches of runs can start and end."""
    modulus, shift = max(grid.inner, grid.step), runs.address - runs.start
    first = runs.start + ((grid.residue - shift - runs.start) & (grid.inner - 1))
    gap = side.gap_boundary
    last = runs.reach - ((shift + runs.reach) & (gap - 1))
    if not side.end_forbidden:
        return first, last
    back = end_table(side, max(gap, 1))[(shift + last) & (side.end_modulus - 1)]
    return first, last - np.maximum(back, 0), np.minimum(first + modulus, runs.end)


def _strides(grid: Grid, side: DirectionRules) -> list[int]:
    """Lengths of segments at a limit: the longest direct, the longest bounced, the shortest."""
    modulus = max(grid.inner, grid.step)
    room = min(side.max_segment_size, side.segment_boundary or side.max_segment_size)
    shortest = -(-side.min_segment_size // grid.step) * grid.step
    strides = {side.max_segment_size // modulus * modulus, room // grid.step * grid.step}
    if shortest > grid.step:
        strides.add(shortest)
    return sorted(strides - {0})


def _snap(values: I64, step: int, phase: int, total: int) -> I64:
    """Both neighbours on the grid of every value, inside (0, total)."""
    below = values - ((values - phase) & (step - 1))
    both = np.unique(np.concatenate((below, below + step)))
    return both[(both > 0) & (both < total)]


def _close(cuts: I64, strides: list[int], total: int, side: DirectionRules) -> tuple[I64, bool]:
    """Add chains of strides in both directions until nothing is new, or until too many pairs lie in reach."""
    while True:
        chained = np.concatenate([cuts, *(cuts + s for s in strides), *(cuts - s for s in strides)])
        grown = np.unique(chained[(chained > 0) & (chained < total)])
        if len(grown) == len(cuts):
            return cuts, True
        if len(grown) * min(len(grown), max(1, len(grown) * side.max_segment_size // total)) > LIMIT:
            return cuts, False
        cuts = grown


def _pairs(cuts: I64, side: DirectionRules) -> tuple[I64, I64]:
    """Indices (tail, head) of all cuts within one segment of each other, by head."""
    lowest = np.searchsorted(cuts, cuts - side.max_segment_size)
    highest = np.searchsorted(cuts, cuts - side.min_segment_size, side="right")
    head, rank = expand(np.maximum(0, highest - lowest))
    return lowest[head] + rank, head


def _direct_gain(
    runs: Runs, grid: Grid, side: DirectionRules, start: I64, end: I64, total: int, card: int
) -> tuple[I64, I64]:
    """(length where the segment can be direct else -1, the run it lies in)."""
    run = np.searchsorted(runs.start, start, side="right") - 1
    address = runs.address[run] + start - runs.start[run]
    fits = end <= runs.reach[run]
    fits &= _multiple(address - grid.residue, np.where(start > 0, grid.inner, grid.first))
    fits &= _multiple(address - card - start, side.residue_match)
    fits &= _lengths_fit(side, start, end, total)
    fits &= (end == total) | _multiple(address + end - start, side.gap_boundary)
    if side.end_forbidden:
        fits &= end_table(side, side.end_modulus)[(address + end - start) & (side.end_modulus - 1)] == 0
    return np.where(fits, end - start, -1), run


def _bounce_fits(grid: Grid, side: DirectionRules, start: I64, end: I64, total: int, card: int) -> Bool:
    """Whether some bounce address serves the segment."""
    offset = slot_offsets(side, grid, start, end, total, card)
    fits = _lengths_fit(side, start, end, total)
    gap = side.gap_boundary
    fits &= (start == 0) | _multiple(offset, gap)
    fits &= (end == total) | _multiple(offset + end - start, gap)
    fits &= _multiple(offset - grid.residue, grid.first)
    fits &= _multiple(offset - card - start, side.residue_match)
    if side.end_forbidden:
        fits &= end_table(side, side.end_modulus)[(offset + end - start) & (side.end_modulus - 1)] == 0
    if side.segment_boundary:
        mask = side.segment_boundary - 1
        fits &= (offset & mask) + end - start <= side.segment_boundary
    return fits


def _lengths_fit(side: DirectionRules, start: I64, end: I64, total: int) -> Bool:
    length, last = end - start, end == total
    fits: Bool = np.where(last, _multiple(length, side.tail_align), _multiple(length, side.length_align))
    if side.max_last_segment:
        fits &= ~last | (length <= side.max_last_segment)
    return fits


def _multiple(value: I64, power: int | I64) -> Bool:
    result: Bool = value & (power - 1) == 0
    return result


def _best_path(nodes: int, tail: I64, head: I64, gain: I64, longest: int) -> list[int] | None:
    """Edge indices of the best path from node 0 to the last one with at most `longest` edges; edges sorted by head."""
    heads, first = np.unique(head, return_index=True)
    if not len(heads) or heads[-1] != nodes - 1:
        return None
    best = np.full(nodes, _NEVER)
    best[0] = 0
    levels = [best]
    for _ in range(longest):
        value = levels[-1][tail] + gain
        following = np.full(nodes, _NEVER)
        following[heads] = np.maximum.reduceat(value, first)
        if following.max() < 0:
            break
        levels.append(following)
    level = int(np.argmax([values[-1] for values in levels]))  # the first: fewest segments
    if levels[level][-1] < 0:
        return None
    path, node = [], nodes - 1
    stops = np.append(first[1:], len(head))
    while level:
        place = int(np.searchsorted(heads, node))
        edges = slice(int(first[place]), int(stops[place]))
        edge = int(first[place]) + int(np.argmax(levels[level - 1][tail[edges]] + gain[edges]))
        path.append(edge)
        node, level = int(tail[edge]), level - 1
    return path[::-1]
