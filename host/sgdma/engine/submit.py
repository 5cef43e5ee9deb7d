"""From what the caller names to a planned :class:`Batch`: pieces, staging of foreign memory, raw requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from sgdma.engine.buffers import DmaBuffer
from sgdma.engine.mapped import Mapped
from sgdma.engine.slots import build_slots
from sgdma.engine.transfer import Batch
from sgdma.errors import OutOfMemory, PieceError, RequestError
from sgdma.rules import Direction
from sgdma.rules.plan import plan_batch
from sgdma.spec.layout import CARD_LAST, HEADER
from sgdma.spec.status import Port, SlotKind

if TYPE_CHECKING:
    from sgdma.engine.device import Dma

__all__ = ["U8", "Piece", "Pieces", "card_table", "piece_table", "plan_requests", "raw_request", "resolve"]

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Bytes = bytes | bytearray | memoryview
Piece = DmaBuffer | Mapped | npt.NDArray[np.generic] | Bytes | tuple[int, int]
Pieces = Piece | Sequence[Piece]
"""One piece or several: a buffer, mapped memory, a numpy array, bytes, bytearray or memoryview (any memory: staged
unless it is mapped; what is read-only to the device only), or (bus address, length)."""


def resolve(
    dma: Dma, pieces: Pieces, direction: Direction, card_address: int
) -> tuple[U64, U64, list[Callable[[], None]]]:
    """(addresses, lengths, what to do when the request is over). Foreign memory is staged through DMA memory."""
    single = isinstance(pieces, DmaBuffer | Mapped | np.ndarray | Bytes | str) or _is_range(pieces)
    listed = cast("list[Piece]", [pieces] if single else list(cast("Sequence[Piece]", pieces)))
    ranges: list[tuple[int, int]] = []
    foreign: list[tuple[int, U8]] = []
    for place, piece in enumerate(listed):
        if isinstance(piece, DmaBuffer | Mapped):
            if isinstance(piece, DmaBuffer) and piece.freed:
                raise RequestError(f"buffer at {piece.iova:#x}: was freed; allocate another by dma.buffer()")
            ranges.append((piece.iova, piece.size))
        elif isinstance(piece, Bytes | np.ndarray):
            array = _as_bytes(piece, direction)
            iova = dma.arena.locate(array)
            if iova is None:
                foreign.append((place, array))
            ranges.append((iova or 0, len(array)))
        elif not _is_range(piece):
            raise RequestError(f"piece {piece!r}: must be a DmaBuffer, mapped memory, a numpy array, bytes, or "
                               "(bus address, length)")  # fmt: skip
        else:
            address, length = piece
            dma.arena.check(address, length)
            ranges.append((address, length))
    cleanups = _stage(dma, ranges, foreign, direction, card_address) if foreign else []
    table = np.array(ranges, np.uint64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy(), cleanups


def piece_table(addresses: npt.ArrayLike, lengths: npt.ArrayLike) -> tuple[U64, U64]:
    """Bus addresses and lengths of pieces as arrays, (n,) each. Raises :class:`PieceError`."""
    try:
        address, length = np.asarray(addresses, np.uint64), np.asarray(lengths, np.uint64)
    except (OverflowError, TypeError, ValueError) as error:
        raise PieceError(f"addresses and lengths must be integers from 0 to 2**64 - 1: {error}") from None
    if address.shape != length.shape or address.ndim != 1:
        raise PieceError(f"addresses of shape {address.shape}, lengths of {length.shape}; give one length an address")
    return address, length


def card_table(wanted: npt.ArrayLike, count: int) -> U64:
    """One card address for each of `count` requests, from one for all or as many. Raises :class:`RequestError`."""
    given = np.asarray(wanted)
    if given.dtype.kind not in "iu" or int(given.min(initial=0)) < 0 or int(given.max(initial=0)) > CARD_LAST:
        raise RequestError(f"card_addresses = {wanted!r}: must be integers, 0..{CARD_LAST:#x}")
    if given.shape not in ((), (1,), (count,)):
        raise RequestError(f"card addresses of shape {given.shape}: must be one for all, or {count}, one a request")
    return np.broadcast_to(given.astype(np.uint64), (count,)).copy()


def _is_range(pieces: object) -> bool:
    return isinstance(pieces, tuple) and len(pieces) == 2 and all(isinstance(part, int | np.integer) for part in pieces)


def _as_bytes(piece: Bytes | npt.NDArray[np.generic], direction: Direction) -> U8:
    if isinstance(piece, bytes) and direction is Direction.C2H:
        raise RequestError("bytes can't be read into: give a numpy array, a bytearray or a DmaBuffer")
    if isinstance(piece, Bytes):
        if isinstance(piece, memoryview) and not piece.c_contiguous:
            raise RequestError(f"memoryview of strides {piece.strides}: must be contiguous")
        piece = np.frombuffer(piece, np.uint8)
    if not piece.flags.c_contiguous:
        raise RequestError(f"array of strides {piece.strides}: must be contiguous; list its rows as pieces")
    if direction is Direction.C2H and not piece.flags.writeable:
        raise RequestError("array is read-only and can't be read into; give a writeable one")
    return piece.reshape(-1).view(np.uint8)


def _stage(
    dma: Dma, ranges: list[tuple[int, int]], foreign: list[tuple[int, U8]], direction: Direction, card_address: int
) -> list[Callable[[], None]]:
    """Give foreign pieces a place in DMA memory, in stream order and where the rules let them go directly."""
    side = dma.rules.direction(direction)
    align = max(side.address_align, side.skew_modulus, side.residue_match, 64)
    residue = card_address % side.residue_match if side.residue_match > side.skew_modulus else side.skew_residue
    total = sum(len(array) for _, array in foreign)
    dma.arena.demand(total)
    staging = _wait_for_memory(dma, total, align, residue)
    copies, offset = [], 0
    for place, array in foreign:
        part = staging[offset : offset + len(array)]
        ranges[place] = (part.iova, part.size)
        copies.append((array, part.array))
        if direction is Direction.H2C:
            part.array[:] = array
        offset += len(array)

    def over() -> None:
        if direction is Direction.C2H:
            for array, staged in copies:
                array[:] = staged
        dma.arena.free(staging)

    return [over]


def _wait_for_memory(dma: Dma, size: int, align: int, residue: int) -> DmaBuffer:
    """Allocate, waiting for requests under way to give memory back."""
    found: list[DmaBuffer] = []

    def allocated() -> bool:
        try:
            found.append(dma.arena.allocate(size, align, residue=residue))
        except OutOfMemory:
            if not dma.pending:
                raise
            return False
        return True

    dma.wait(allocated, None, f"{size} bytes of staging memory")
    return found[0]


def plan_requests(
    dma: Dma, direction: Direction, addresses: U64, lengths: U64, offsets: I64, cards: U64, port: Port, queue: int
) -> Batch:
    """Plan k requests into a batch that is ready to be placed. Raises Unplannable and RequestError."""
    plan = plan_batch(addresses, lengths, offsets, dma.rules, direction, card_addresses=cards)
    align = int(plan.bounce_align.max(initial=1))
    room, largest = dma.arena.bounce.size, int(plan.bounce_size.max(initial=0))
    if largest + align > room:
        raise RequestError(f"a request needs {largest} bytes of bounce space, there are {room}; open with a larger "
                           "arena, split it, or align its pieces")  # fmt: skip
    most = int(np.diff(plan.offsets).max(initial=0)) + 1
    if most > dma.queues[queue].sq.size:
        raise RequestError(f"a request of {most - 1} segments needs {most} slots, the submission ring has "
                           f"{dma.queues[queue].sq.size}; open with a larger sq_log2, or split it")  # fmt: skip
    before = np.zeros(len(plan.lengths) + 1, np.int64)
    np.cumsum(plan.lengths.view(np.int64), out=before[1:])
    return Batch(
        dma, dma.next_batch(), direction, queue, int(port), cards, before[plan.offsets[1:]] - before[plan.offsets[:-1]],
        plan.addresses, plan.lengths, plan.bounced, plan.offsets, plan.bounce_size, align,
        plan.copy_address.view(np.int64), plan.copy_offset.view(np.int64), plan.copy_length.view(np.int64),
        plan.copy_offsets,
    )  # fmt: skip


def raw_request(
    dma: Dma, direction: Direction, segments: Sequence[tuple[int, int]], *, queue: int, port: int, card_address: int,
    total: int | None, count: int | None, opcode: int | None, flags: int | None, kind: int | None, tag: int | None,
    encoded: bool, edit: Callable[[U8], U8 | None] | None,
) -> Batch:  # fmt: skip
    """One request exactly as given: no plan, no check. ``None`` means what a correct request would say."""
    table = [(int(address), int(length)) for address, length in segments]
    addresses = np.array([address for address, _ in table], np.uint64)
    lengths = np.array([length for _, length in table], np.uint64)
    fields = lengths.astype(np.uint32) if encoded else dma.rules.encode_length(lengths)
    real = int(dma.rules.decode_length(fields).sum()) if encoded else int(lengths.sum())
    offsets, cards = np.array([0, len(table)]), np.array([card_address], np.uint64)

    def slots(own_tag: int) -> U8:
        made = build_slots(direction, port, cards, [(real if total is None else total) & 0xFFFFFFFF],
                           np.array([own_tag], np.uint16), addresses, fields, offsets)  # fmt: skip
        header = made[:1].view(HEADER)[0]
        changes = {"segment_count": count, "flags": flags, "tag": tag}
        for name, value in changes.items():
            if value is not None:
                header[name] = value
        low = int(direction) if opcode is None else opcode
        header["kind_opcode"] = low | (SlotKind.HEADER if kind is None else kind) << 4
        if edit is not None:
            edited = edit(made)
            made = made if edited is None else edited
        if len(made) != placed[0]:
            raise RequestError(f"raw request of {len(made)} slots: edit must not change their number, {placed[0]}")
        return made

    placed = [len(table) + 1]
    none, empty = np.zeros(1, np.int64), np.zeros(0, np.int64)
    return Batch(
        dma, dma.next_batch(), direction, queue, port, cards, np.array([real]), addresses, lengths,
        np.zeros(len(table), np.bool_), offsets, none, 1, empty, empty, empty, np.zeros(2, np.int64), slots, placed[0],
    )  # fmt: skip
