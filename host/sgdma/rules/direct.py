"""The vectorised choice: the most bytes that each run could move directly, and everything else bounced.

Within one run a direct segment starts in one residue class and ends at an allowed place, so nothing outside
[first such start, last such end) can ever be direct, whatever the rest of the plan does. (With a gap boundary all cuts
of a request share one phase modulo it; the phase of most bytes is taken.) The sum over runs is therefore an upper
bound, and a plan that attains it and passes the hardware's check is optimal. Where it can't be attained,
:mod:`sgdma.rules.exact` searches.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sgdma.rules.language import DirectionRules
from sgdma.rules.pieces import I64, Bool, Grid, Runs, Stream, ends_of, subdivide

__all__ = ["Rows", "choose", "end_table"]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Segments of a batch in stream order: [start, end) of a request, from memory `address` on unless `bounced`.

    Request i owns rows ``bounds[i]:bounds[i + 1]``. ``piece`` is one at or before the piece that holds the first byte.
    """

    start: I64
    end: I64
    address: I64
    bounced: Bool
    piece: I64
    bounds: I64

    @functools.cached_property
    def length(self) -> I64:
        """Bytes of every row."""
        return self.end - self.start

    @functools.cached_property
    def request(self) -> I64:
        """The request of every row."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    @functools.cached_property
    def which(self) -> I64:
        """Indices of the bounced rows."""
        return np.flatnonzero(self.bounced)

    @functools.cached_property
    def which_bounds(self) -> I64:
        """Request i owns elements ``which_bounds[i]:which_bounds[i + 1]`` of ``which``."""
        return np.searchsorted(self.which, self.bounds)


def choose(stream: Stream, runs: Runs, grid: Grid, side: DirectionRules) -> Rows:
    """Segments that attain the bound wherever that is possible at all; the check decides whether they conform."""
    low, high, direct = _widest(stream, runs, grid, side)
    phase, step = grid.phase, grid.step
    if side.gap_boundary > step:
        phase, step = _best_phase(stream, runs, grid, side, low, high), side.gap_boundary
        direct &= (runs.start - runs.address - phase[runs.request]) & (side.gap_boundary - 1) == 0
    rows = _merged(stream, *_parts(runs, low, high, direct))
    room = side.max_segment_size
    if side.segment_boundary:
        room = max(1, min(room, side.segment_boundary - _worst_offset(side, grid)))
    if not side.max_last_segment and int(rows.length.max()) <= room:
        return rows
    rows = _split_direct(stream, rows, grid, side, phase)
    which = _too_long(rows, rows.bounced, room, side)
    return _split(stream, rows, which, room, (phase[rows.request[which]], step), side)


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


def _widest(stream: Stream, runs: Runs, grid: Grid, side: DirectionRules) -> tuple[I64, I64, Bool]:
    """(low, high, direct): no direct byte of a run can lie outside [low, high), and none at all unless `direct`.

    Where no run is direct in part only, low and high are ``runs.start`` and ``runs.end`` themselves.
    """
    plain = grid.inner == grid.step and side.residue_match == side.gap_boundary == 1 and not side.end_forbidden
    if plain and runs.reach is runs.end and not np.bitwise_or.reduce(runs.start) & (grid.step - 1):
        # All runs start on the grid, and so end on it, or with the request: a good address is all they need.
        return runs.start, runs.end, (runs.address & (grid.step - 1)) == grid.residue
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
    return low, high, high > low


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
    final = runs.bounds[1:] - 1
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


def _parts(runs: Runs, low: I64, high: I64, direct: Bool) -> tuple[I64, I64, Bool, I64, I64]:
    """Every run in up to three parts, before, in and behind [low, high): (start, address, direct, piece, bounds)."""
    if low is runs.start and high is runs.end:
        return runs.start, runs.address, direct, runs.piece, runs.bounds
    before, behind = direct & (low > runs.start), direct & (high < runs.end)
    which = np.flatnonzero(before | behind)
    owner, added, cause, rank = subdivide(len(direct), which, before[which].astype(np.int64) + behind[which])
    run = which[cause]
    inside = before[run] & (rank == 0)
    start, kind = runs.start[owner], (direct & ~before)[owner]
    start[added], kind[added] = np.where(inside, low[run], high[run]), inside
    address = (runs.address - runs.start)[owner] + start
    return start, address, kind, runs.piece[owner], runs.bounds + np.searchsorted(run, runs.bounds)


def _merged(stream: Stream, start: I64, address: I64, direct: Bool, piece: I64, bounds: I64) -> Rows:
    """Parts as rows: neighbours that can't be direct share a bounced segment."""
    if not direct.all():
        opens = direct.copy()
        opens[1:] |= direct[:-1]
        opens[bounds[:-1]] = True
        kept = np.flatnonzero(opens)
        start, address, direct, piece = start.take(kept), address.take(kept), direct.take(kept), piece.take(kept)
        bounds = np.searchsorted(kept, bounds)
    return Rows(start, ends_of(start, bounds, stream.total), address, ~direct, piece, bounds)


def _too_long(rows: Rows, kind: Bool, longest: int, side: DirectionRules) -> I64:
    """The rows of one kind that may have to be cut."""
    cut = rows.length > longest
    if side.max_last_segment:
        cut[rows.bounds[1:] - 1] = True
    return np.flatnonzero(cut & kind)


def _split_direct(stream: Stream, rows: Rows, grid: Grid, side: DirectionRules, phase: I64) -> Rows:
    which = _too_long(rows, ~rows.bounced, side.max_segment_size, side)
    phased = grid.tied > 1 or side.gap_boundary > 1
    shift = rows.address[which] - rows.start[which]
    cut = _cut_class(grid, side, phase[rows.request[which]] if phased else 0, shift)
    return _split(stream, rows, which, side.max_segment_size, cut, side)


def _split(
    stream: Stream, rows: Rows, which: I64, longest: int, cut: tuple[I64 | int, int], side: DirectionRules
) -> Rows:
    """Cut the rows `which` into segments of at most `longest` (and a short last one)."""
    if not len(which):
        return rows
    (residue, modulus), low, high = cut, rows.start[which], rows.end[which]
    stop = high  # the part [stop, high) becomes the short last segment of the request
    if side.max_last_segment:
        total = stream.total[rows.request[which]]
        short = _round_up(total - side.max_last_segment, residue, modulus)
        stop = np.where((high == total) & (low < short) & (short < total), short, high)
    stride = max(longest // modulus * modulus, 1)
    first = _round_down(low + longest, residue, modulus)
    cuts = np.where((stop - low > longest) & (first > low), -((first - stop) // stride), 0)
    owner, added, cause, rank = subdivide(len(rows.start), which, cuts + (stop < high))
    begin = np.where(rank < cuts[cause], first[cause] + rank * stride, stop[cause])
    if side.min_segment_size > 1:  # a remainder that is too short takes from its neighbour
        latest = _round_down(stop - side.min_segment_size, residue, modulus)[cause]
        before = np.where(rank > 0, np.roll(begin, 1), low[cause])
        shrunk = (rank + 1 == cuts[cause]) & (before < latest) & (latest < begin)  # starts stay in order
        begin = np.where(shrunk, latest, begin)
    start, end = rows.start[owner], rows.end[owner]
    start[added] = end[added - 1] = begin
    address = (rows.address - rows.start)[owner] + start
    bounds = rows.bounds + np.searchsorted(which[cause], rows.bounds)
    return Rows(start, end, address, rows.bounced[owner], rows.piece[owner], bounds)


def _off(value: I64, power: int) -> Bool:
    result: Bool = value & (power - 1) != 0
    return result


def _round_up(value: I64, residue: I64 | int, power: int) -> I64:
    """The first position from `value` on that is `residue` modulo `power`."""
    return value + ((residue - value) & (power - 1))


def _round_down(value: I64, residue: I64 | int, power: int) -> I64:
    return value - ((value - residue) & (power - 1))
