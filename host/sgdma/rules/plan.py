"""The planner: any list of pieces -> conforming segments with the most direct bytes, and the copies for the rest.

Three steps: :mod:`direct` chooses (vectorised, O(pieces)), :mod:`bounce` lays out the copies, and the hardware's own
check judges the result. A request whose cheap choice fails the check, as when max_segments binds, goes to the search
in :mod:`exact`. No plan leaves here that the check refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from sgdma.errors import PieceError, Unplannable
from sgdma.rules import exact
from sgdma.rules.batch import BatchPlan, Joiner, Plan
from sgdma.rules.bounce import Copies, Layout, copies, layout
from sgdma.rules.check import BatchCheck, check_batch
from sgdma.rules.direct import Rows, choose
from sgdma.rules.language import Direction, DirectionRules, Rule, RuleSet
from sgdma.rules.pieces import I64, Bool, Grid, Runs, Stream, check_pieces, make_grid, make_runs, make_stream

__all__ = ["BatchPlan", "Plan", "plan", "plan_batch"]

U64 = npt.NDArray[np.uint64]

CHUNK = 1 << 16
"""Pieces planned at a time: the working arrays of that many stay in the cache."""


def plan(
    pieces: Iterable[tuple[int, int]] | tuple[U64, U64],
    rules: RuleSet,
    direction: Direction,
    *,
    card_address: int = 0,
) -> Plan:
    """Plan one request.

    `pieces`: (address, length) pairs in stream order, or a tuple of two numpy arrays (addresses, lengths). Empty pieces
    drop out. `card_address`: where the request starts on the card, for residue_match.
    Raises :class:`PieceError` for malformed pieces, :class:`Unplannable` with rule, value and remedy.
    """
    addresses, lengths = _arrays(pieces)
    batch = plan_batch(addresses, lengths, np.array([0, len(lengths)]), rules, direction, card_addresses=[card_address])
    return Plan(
        batch.addresses, batch.lengths, batch.bounced, int(batch.bounce_size[0]), int(batch.bounce_align[0]),
        batch.copy_piece, batch.copy_address, batch.copy_offset, batch.copy_length,
        int(batch.direct_bytes[0]), int(batch.bounced_bytes[0]), bool(batch.proven[0]),
    )  # fmt: skip


def plan_batch(
    addresses: npt.ArrayLike,
    lengths: npt.ArrayLike,
    offsets: npt.ArrayLike,
    rules: RuleSet,
    direction: Direction,
    *,
    card_addresses: npt.ArrayLike = 0,
) -> BatchPlan:
    """Plan k requests with a few numpy operations; request i owns pieces ``offsets[i]:offsets[i + 1]``.

    `addresses`, `lengths`: (n,) unsigned; `offsets`: (k + 1,); `card_addresses`: (k,) or one for all. Each request gets
    the plan that :func:`plan` would give it. Raises as :func:`plan` does, for the first request at fault.
    """
    bounds = np.asarray(offsets, dtype=np.int64)
    address, length = check_pieces(addresses, lengths, bounds)
    card = np.broadcast_to(np.asarray(card_addresses, dtype=np.uint64), (len(bounds) - 1,))
    edges = np.unique(np.searchsorted(bounds, np.arange(CHUNK, len(length), CHUNK)))
    starts = [0, *edges[edges < len(card)].tolist()]
    joined = Joiner(len(length), len(card))
    for start, stop in zip(starts, [*starts[1:], len(card)], strict=True):
        near, far = bounds[start], bounds[stop]
        stream = make_stream(address[near:far], length[near:far], bounds[start : stop + 1] - near, card[start:stop])
        try:
            part = _planned(stream, rules, direction)
        except Unplannable as error:
            raise Unplannable(error.rule, error.value, error.limit, error.remedy, error.request + start) from None
        if len(starts) == 1:
            return part
        joined.add(part, near)
    return joined.plan()


def _planned(stream: Stream, rules: RuleSet, direction: Direction) -> BatchPlan:
    side = rules.direction(direction)
    grid = make_grid(stream, side)
    _refuse_hopeless(stream, grid, side)
    runs = make_runs(stream, rules, side)
    rows = choose(stream, runs, grid, side)
    proven = np.ones(len(stream.total), np.bool_)
    placed = layout(stream, rows, grid, side)
    address = _placed_at(rows, placed)
    verdict = _check(rules, direction, stream, rows, address)
    failed = np.flatnonzero(verdict.rule)
    if len(failed):
        rows, proven = _search(stream, runs, grid, rules, side, rows, verdict, failed)
        placed = layout(stream, rows, grid, side)
        address = _placed_at(rows, placed)
        wrong = np.flatnonzero(_check(rules, direction, stream, rows, address).rule)
        if len(wrong):
            raise AssertionError(f"request {wrong[0]}: the search gave a plan that the check refuses")
    return _assemble(stream, rows, address, placed, copies(stream, rows, placed.offset), proven)


def _arrays(pieces: Iterable[tuple[int, int]] | tuple[U64, U64]) -> tuple[U64, U64]:
    if isinstance(pieces, tuple) and len(pieces) == 2 and isinstance(pieces[0], np.ndarray):
        return pieces[0], np.asarray(pieces[1])
    listed = [(int(address), int(length)) for address, length in pieces]
    for address, length in listed:
        if address < 0 or length < 0 or address + length > 1 << 64:
            raise PieceError(f"piece ({address:#x}, {length}): must lie within 0..2**64")
    array = np.array(listed, dtype=np.uint64).reshape(-1, 2)
    return array[:, 0].copy(), array[:, 1].copy()


def _refuse_hopeless(stream: Stream, grid: Grid, side: DirectionRules) -> None:
    """Raise :class:`Unplannable` for what no choice of segments can mend."""
    total, card = stream.total, stream.card
    grain = max(side.total_align, side.tail_align)
    sizes = max(1, side.min_segment_size) <= total.min() and total.max() <= side.max_request_size
    if sizes and side.residue_match == 1 and not np.bitwise_or.reduce(total) & (grain - 1):
        return
    cases: list[tuple[Rule, Bool, I64, str, str]] = [
        (Rule.MAX_REQUEST_SIZE, total == 0, total, "at least 1 byte", "don't submit empty requests"),
        (Rule.TOTAL_ALIGN, total & (side.total_align - 1) != 0, total, f"a multiple of {side.total_align}", "pad it"),
        (Rule.MAX_REQUEST_SIZE, total > side.max_request_size, total, f"{side.max_request_size:#x} bytes",
         "split it into several requests"),
        (Rule.TAIL_ALIGN, total & (side.tail_align - 1) != 0, total, f"a multiple of {side.tail_align}", "pad it"),
        (Rule.MIN_SEGMENT_SIZE, total < side.min_segment_size, total, f"at least {side.min_segment_size}", "pad it"),
        (Rule.RESIDUE_MATCH, (grid.residue - card) & (min(side.residue_match, grid.first) - 1) != 0, card,
         f"card addresses of residue {grid.residue} modulo {min(side.residue_match, grid.first)}",
         "start elsewhere on the card"),
    ]  # fmt: skip
    for rule, where, value, limit, remedy in cases:
        if where.any():
            request = int(np.flatnonzero(where)[0])
            raise Unplannable(rule, int(value[request]) % (1 << 64), limit, remedy, request)


def _placed_at(rows: Rows, placed: Layout) -> U64:
    """Addresses of all segments, with all bounce areas at 0, which stands for every aligned base."""
    address = rows.address.copy()
    address[rows.which] = placed.offset
    return address.view(np.uint64)


def _check(rules: RuleSet, direction: Direction, stream: Stream, rows: Rows, address: U64) -> BatchCheck:
    """The hardware's verdict."""
    length, card = rows.length.view(np.uint64), stream.card.view(np.uint64)
    return check_batch(rules, direction, address, length, rows.bounds, card)


def _search(
    stream: Stream, runs: Runs, grid: Grid, rules: RuleSet, side: DirectionRules, rows: Rows, verdict: BatchCheck,
    failed: I64,
) -> tuple[Rows, Bool]:  # fmt: skip
    """Replace the rows of the failed requests by searched ones."""
    proven = np.ones(len(stream.total), np.bool_)
    sound = verdict.rule[rows.request] == 0
    parts, owners = [[column[sound] for column in _columns(rows)]], [rows.request[sound]]
    for request in failed.tolist():
        found = exact.solve(stream, runs, grid, side, request)
        if found is None:
            rule = Rule(int(verdict.rule[request]))
            total = int(stream.total[request])
            limit = str(getattr(side, rule.name.lower(), "the rule"))
            raise Unplannable(rule, total, limit, "change the request's size or split it into several", request)
        parts.append(_columns(found[0]))
        owners.append(np.full(len(found[0].start), request))
        proven[request] = found[1]
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(stream.total) + 1))
    start, end, address, bounced, piece = (np.concatenate(column)[order] for column in zip(*parts, strict=True))
    return Rows(start, end, address, bounced, piece, bounds), proven


def _columns(rows: Rows) -> list[Any]:
    return [rows.start, rows.end, rows.address, rows.bounced, rows.piece]


def _assemble(stream: Stream, rows: Rows, address: U64, placed: Layout, copied: Copies, proven: Bool) -> BatchPlan:
    before = np.zeros(len(rows.which) + 1, np.int64)
    np.cumsum(rows.length[rows.which], out=before[1:])
    edges = before[rows.which_bounds]
    bounced = edges[1:] - edges[:-1]
    return BatchPlan(
        addresses=address,
        lengths=rows.length.view(np.uint64),
        bounced=rows.bounced,
        offsets=rows.bounds,
        bounce_size=placed.size,
        bounce_align=placed.align,
        copy_piece=copied.piece,
        copy_address=copied.address.view(np.uint64),
        copy_offset=copied.offset.view(np.uint64),
        copy_length=copied.length.view(np.uint64),
        copy_offsets=copied.bounds,
        direct_bytes=stream.total - bounced,
        bounced_bytes=bounced,
        proven=proven,
    )
