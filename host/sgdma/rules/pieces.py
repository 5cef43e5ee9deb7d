"""What the planner knows about requests before it decides anything: their streams, runs and where cuts may lie.

A *stream position* counts bytes from the start of a request. Addresses are kept as int64 bit patterns: every modulus
is a power of two, so residues come out right modulo 2**64 whatever the sign.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from sgdma.errors import PieceError
from sgdma.rules.language import DirectionRules, RuleSet

__all__ = ["I64", "Bool", "Grid", "Runs", "Stream", "check_pieces", "expand", "make_grid", "make_runs", "make_stream"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Bool = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Stream:
    """All pieces of a batch, empty ones dropped. Arrays over pieces; ``base``, ``total``, ``card`` over requests."""

    address: I64
    length: I64
    start: I64  # stream position inside the request
    place: I64  # position in the concatenated streams of the batch
    request: I64
    index: I64  # position in the caller's list
    base: I64  # place of the request's first byte
    total: I64
    card: I64


@dataclasses.dataclass(frozen=True)
class Runs:
    """Stretches of memory that one segment could cover: joined where adjacent, cut at segment_boundary.

    ``reach`` is where a direct segment must end at the latest: ``end``, or earlier where the device's address width
    gives out. ``start``, ``end`` and ``reach`` are stream positions.
    """

    address: I64
    start: I64
    end: I64
    reach: I64
    request: I64


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where cuts between segments may lie at all: positions of residue ``phase`` (one a request) modulo ``step``.

    Non-last lengths are multiples of length_align, and residue_match ties the address class of a segment's start to
    its stream position, bounced or not. ``possible`` is False where the two exclude each other: one segment or none.
    ``tied`` is the part of ``step`` that comes from residue_match; where it is 1, every phase is 0.
    ``first`` and ``inner`` are the moduli of start addresses of the first and of later segments, ``residue`` theirs.
    """

    step: int
    tied: int
    phase: I64
    possible: Bool
    first: int
    inner: int
    residue: int


def check_pieces(addresses: npt.ArrayLike, lengths: npt.ArrayLike, offsets: I64) -> tuple[U64, U64]:
    """Addresses and lengths as u64 arrays; raises :class:`PieceError` when they can't be pieces of requests."""
    address, length = _u64("addresses", addresses), _u64("lengths", lengths)
    if address.shape != length.shape or address.ndim != 1:
        raise PieceError(f"addresses of shape {address.shape}, lengths of {length.shape}; give one length an address")
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(length) or np.any(offsets[1:] < offsets[:-1]):
        raise PieceError(f"offsets {offsets[:4].tolist()}... must rise from 0 to the number of pieces {len(length)}")
    _refuse_wrap(address, length)
    return address, length


def make_stream(address: U64, length: U64, offsets: I64, cards: U64) -> Stream:
    """Index the pieces of k requests."""
    counts = np.diff(offsets)
    request = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(len(length))
    if not length.all():
        index = np.flatnonzero(length)
        request, address, length = request[index], address[index], length[index]
        counts = np.bincount(request, minlength=len(counts))
    size = length.view(np.int64)
    before = np.zeros(len(size) + 1, np.int64)
    np.cumsum(size, out=before[1:])
    bounds = np.concatenate(([0], np.cumsum(counts)))
    base = before[bounds[:-1]]
    total = before[bounds[1:]] - base
    card = cards.astype(np.int64)
    place = before[:-1]
    start = place - np.repeat(base, counts)
    return Stream(address.view(np.int64), size, start, place, request, index, base, total, card)


def make_runs(stream: Stream, rules: RuleSet, side: DirectionRules) -> Runs:
    """Join adjacent pieces, then cut at segment_boundary."""
    address, start, request = stream.address, stream.start, stream.request
    end = start + stream.length
    if len(address):
        fresh = np.ones(len(address), np.bool_)
        fresh[1:] = (address[1:] != address[:-1] + stream.length[:-1]) | (start[1:] == 0) | (address[1:] == 0)
        heads = np.flatnonzero(fresh)
        if len(heads) < len(address):
            tails = np.append(heads[1:], len(address)) - 1
            address, start, request, end = address[heads], start[heads], request[heads], end[tails]
    if side.segment_boundary:
        address, start, end, request = _cut(address, start, end, request, side.segment_boundary)
    reach = end
    if rules.address_bits < 64:
        room = (np.uint64(1 << rules.address_bits) - address.view(np.uint64)).view(np.int64)
        beyond = address.view(np.uint64) >= np.uint64(1 << rules.address_bits)
        reach = np.where(beyond, start, np.minimum(end, start + room))
    return Runs(address, start, end, reach, request)


def make_grid(stream: Stream, side: DirectionRules) -> Grid:
    """The grid of cuts of every request; see :class:`Grid`."""
    first = max(side.address_align, side.skew_modulus)
    inner = max(first, side.gap_boundary)
    tied = min(side.residue_match, inner)
    step = max(tied, side.length_align)
    phase = (side.skew_residue - stream.card) & (tied - 1)
    possible = phase & (min(tied, side.length_align) - 1) == 0
    return Grid(step, tied, phase, possible, first, inner, side.skew_residue)


def expand(counts: I64) -> tuple[I64, I64]:
    """(owner, rank): for counts (2, 0, 1) owners 0 0 2 and ranks 0 1 0."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - first[owner]


def _cut(address: I64, start: I64, end: I64, request: I64, boundary: int) -> tuple[I64, I64, I64, I64]:
    room = boundary - (address & (boundary - 1))
    counts = np.maximum(0, end - start - room + boundary - 1) // boundary + 1
    if not (counts > 1).any():
        return address, start, end, request
    owner, rank = expand(counts)
    offset = np.where(rank > 0, room[owner] + (rank - 1) * boundary, 0)
    begin = start[owner] + offset
    stop = np.minimum(end[owner], start[owner] + room[owner] + rank * boundary)
    return address[owner] + offset, begin, stop, request[owner]


def _refuse_wrap(address: U64, length: U64) -> None:
    """Raise :class:`PieceError` for a piece that runs past 2**64 or is longer than 2**62."""
    if not len(length) or (length.max() < 1 << 62 and address.max() < 1 << 63):
        return
    wraps = (length > np.uint64(1 << 62)) | ((length > 0) & (address + (length - np.uint64(1)) < address))
    if wraps.any():
        worst = int(np.flatnonzero(wraps)[0])
        raise PieceError(f"piece {worst} of {int(length[worst])} bytes at {int(address[worst]):#x} runs past 2**64")


def _u64(what: str, values: npt.ArrayLike) -> U64:
    array = np.asarray(values)
    if array.dtype == np.uint64:
        return array
    if array.size and (array.dtype.kind not in "iu" or int(array.min()) < 0):
        raise PieceError(f"{what} of type {array.dtype}, least {array.min()!r}: must be integers from 0 to 2**64 - 1")
    return array.astype(np.uint64)
