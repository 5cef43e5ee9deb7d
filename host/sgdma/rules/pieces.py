"""What the planner knows about requests before it decides anything: their streams, runs and where cuts may lie.

A *stream position* counts bytes from the start of a request. Addresses are kept as int64 bit patterns: every modulus
is a power of two, so residues come out right modulo 2**64 whatever the sign.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

from sgdma.errors import PieceError
from sgdma.rules.language import DirectionRules, RuleSet

__all__ = [
    "I64", "Bool", "Grid", "Runs", "Stream", "check_pieces", "ends_of", "expand", "make_grid", "make_runs",
    "make_stream", "subdivide",
]  # fmt: skip

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Bool = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Stream:
    """All pieces of a batch, empty ones dropped. ``bounds``: request i owns pieces ``bounds[i]:bounds[i + 1]``.

    ``address``, ``length``, ``start``, ``place`` and ``index`` are arrays over pieces, the others over requests. Every
    piece ends at the ``place`` behind its own: there is one more for the last.
    """

    address: I64
    length: I64
    start: I64  # stream position inside the request
    place: I64  # position in the concatenated streams of the batch
    index: I64 | None  # position in the caller's list; None: all are there
    bounds: I64
    base: I64  # place of the request's first byte
    total: I64
    card: I64


@dataclasses.dataclass(frozen=True)
class Runs:
    """Stretches of memory that one segment could cover: joined where adjacent, cut at segment_boundary.

    ``reach`` is where a direct segment must end at the latest: ``end``, or earlier where the device's address width
    gives out. ``start``, ``end`` and ``reach`` are stream positions. ``piece`` is one at or before the run's first.
    """

    address: I64
    start: I64
    end: I64
    reach: I64
    piece: I64
    bounds: I64  # request i owns bounds[i]:bounds[i + 1], at least one run

    @functools.cached_property
    def request(self) -> I64:
        """The request of every run."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    def of(self, request: int) -> Runs:
        """The runs of one request alone."""
        mine = slice(*self.bounds[request : request + 2].tolist())
        address, start, end = self.address[mine], self.start[mine], self.end[mine]
        return Runs(address, start, end, self.reach[mine], self.piece[mine], np.array([0, len(start)]))


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
    bounds, index = offsets, None
    if len(length) and not length.min():
        index = np.flatnonzero(length)
        address, length, bounds = address[index], length[index], np.searchsorted(index, bounds)
    size = length.view(np.int64)
    place = np.zeros(len(size) + 1, np.int64)
    np.cumsum(size, out=place[1:])
    edges = place[bounds]
    base, total = edges[:-1], edges[1:] - edges[:-1]
    start = place[:-1] - np.repeat(base, bounds[1:] - bounds[:-1])
    return Stream(address.view(np.int64), size, start, place, index, bounds, base, total, cards.view(np.int64))


def make_runs(stream: Stream, rules: RuleSet, side: DirectionRules) -> Runs:
    """Join adjacent pieces, then cut at segment_boundary. No request may be empty."""
    address, start, length, bounds = stream.address, stream.start, stream.length, stream.bounds
    piece = np.arange(len(address))
    after = address + length
    fresh = np.empty(len(address), np.bool_)
    np.not_equal(address[1:], after[:-1], out=fresh[1:])
    if int(address.min()) < 0:  # a piece that ends at 2**64 has no neighbour
        fresh[1:] |= after[:-1] == 0
    fresh[bounds[:-1]] = True
    if not fresh.all():
        piece = np.flatnonzero(fresh)
        address, start, bounds = address[piece], start[piece], np.searchsorted(piece, bounds)
        length = ends_of(start, bounds, stream.total) - start
    if side.segment_boundary:
        address, start, piece, bounds = _cut(address, start, length, piece, bounds, side.segment_boundary)
    end = ends_of(start, bounds, stream.total)
    return Runs(address, start, end, _reach(address, start, end, rules.address_bits), piece, bounds)


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


def subdivide(count: int, which: I64, extra: I64) -> tuple[I64, I64, I64, I64]:
    """Of `count` elements, those at `which` (rising) fall into 1 + `extra` parts: (owner, added, cause, rank).

    ``owner``: the element that every part belongs to; ``added``: places of the parts that aren't the first of theirs,
    for each of them ``cause``, its index in `which`, and ``rank``, from 0.
    """
    cause, rank = expand(extra)
    added = which[cause] + np.arange(1, len(cause) + 1)
    owner = np.ones(count + len(added), np.int64)
    owner[added] = owner[0] = 0
    np.cumsum(owner, out=owner)
    return owner, added, cause, rank


def ends_of(start: I64, bounds: I64, total: I64) -> I64:
    """Ends of stretches that cover every stream without holes: where the next one of the request starts."""
    end = np.empty_like(start)
    end[:-1] = start[1:]
    end[bounds[1:] - 1] = total
    return end


def _cut(address: I64, start: I64, length: I64, piece: I64, bounds: I64, boundary: int) -> tuple[I64, I64, I64, I64]:
    """The same stretches, none of them across a multiple of `boundary`: (address, start, piece, bounds)."""
    final = length - 1
    final += address
    which = np.flatnonzero((address ^ final).view(np.uint64) >= np.uint64(boundary))
    if not len(which):
        return address, start, piece, bounds
    room = boundary - (address[which] & (boundary - 1))
    extra = (length[which] - room + (boundary - 1)) >> (boundary.bit_length() - 1)
    owner, added, cause, rank = subdivide(len(length), which, extra)
    offset = room[cause] + rank * boundary
    address, start = address.take(owner), start.take(owner)
    address[added] += offset
    start[added] += offset
    return address, start, piece.take(owner), bounds + np.searchsorted(which[cause], bounds)


def _reach(address: I64, start: I64, end: I64, bits: int) -> I64:
    """Where a direct segment must end so that it stays below 2**bits: `end` itself wherever nothing lies beyond."""
    place = address.view(np.uint64)
    if bits == 64 or int(place.max()) + int((end - start).max()) <= 1 << bits:
        return end
    top = np.uint64(1 << bits)
    room = (top - place).view(np.int64)
    return np.where(place >= top, start, np.minimum(end, start + room))


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
