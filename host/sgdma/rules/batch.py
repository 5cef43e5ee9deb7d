"""What the planner hands out: the plan of one request, of many, and plans of parts joined into one."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from sgdma.errors import PieceError
from sgdma.rules.pieces import I64, Bool

__all__ = ["BatchPlan", "Joiner", "Plan"]

U64 = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True)
class BatchPlan:
    """Plans of k requests, segments and copies one request after the other.

    Request i owns segments ``offsets[i]:offsets[i + 1]`` and copies ``copy_offsets[i]:copy_offsets[i + 1]``. Of a
    bounced segment, ``addresses`` holds the offset inside the request's own bounce area of ``bounce_size[i]`` bytes,
    which starts on a multiple of ``bounce_align[i]`` anywhere within the device's reach (size 0: none needed).
    Copies go from pieces to the area before H2C and back after C2H; ``copy_piece`` indexes the caller's pieces.
    """

    addresses: U64
    lengths: U64
    bounced: Bool
    offsets: I64
    bounce_size: I64
    bounce_align: I64
    copy_piece: I64
    copy_address: U64
    copy_offset: U64
    copy_length: U64
    copy_offsets: I64
    direct_bytes: I64
    bounced_bytes: I64
    proven: Bool
    """Per request: no conforming plan has more direct bytes. False only beyond the search limit of `exact`."""

    def resolve(self, bounce_bases: npt.ArrayLike) -> U64:
        """Device addresses of all segments, u64; `bounce_bases`: address of each request's area, (k,) or one.

        Raises :class:`PieceError` for a base that isn't a multiple of its ``bounce_align``.
        """
        bases = np.broadcast_to(np.asarray(bounce_bases, dtype=np.uint64), self.bounce_size.shape)
        low_bits = bases & (self.bounce_align.view(np.uint64) - np.uint64(1))
        wrong = np.flatnonzero((low_bits != 0) & (self.bounce_size > 0))
        if len(wrong):
            raise _misplaced(int(bases[wrong[0]]), int(self.bounce_align[wrong[0]]))
        return self.addresses + np.where(self.bounced, np.repeat(bases, np.diff(self.offsets)), np.uint64(0))


@dataclasses.dataclass(frozen=True)
class Plan:
    """The plan of one request; the words are those of :class:`BatchPlan`, sizes plain integers."""

    addresses: U64
    lengths: U64
    bounced: Bool
    bounce_size: int
    bounce_align: int
    copy_piece: I64
    copy_address: U64
    copy_offset: U64
    copy_length: U64
    direct_bytes: int
    bounced_bytes: int
    proven: bool

    def resolve(self, bounce_base: int) -> U64:
        """Device addresses of all segments when the bounce area starts at `bounce_base`, a multiple of its align."""
        if self.bounce_size and bounce_base % self.bounce_align:
            raise _misplaced(bounce_base, self.bounce_align)
        return self.addresses + np.where(self.bounced, np.uint64(bounce_base), np.uint64(0))


class Joiner:
    """Joins plans of consecutive requests as they come, so that the memory of one part serves the next."""

    def __init__(self, pieces: int, requests: int) -> None:
        """For `requests` of `pieces` in all."""
        self._pieces, self._requests = pieces, requests
        self._columns: dict[str, _Column] = {}
        self._tops = {"offsets": 0, "copy_offsets": 0}

    def add(self, part: BatchPlan, first_piece: int) -> None:
        """Append a plan whose pieces begin at the caller's `first_piece`."""
        if not self._columns:
            self._columns = self._carved(part)
            for name in self._tops:
                self._columns[name].add(np.zeros(1, np.int64))
        for name, column in self._columns.items():
            values = getattr(part, name)
            if name in self._tops:
                top = self._tops[name]
                self._tops[name] = top + int(values[-1])
                values = values[1:] + top
            column.add(values + first_piece if name == "copy_piece" else values)

    def plan(self) -> BatchPlan:
        """All that was added, as one plan."""
        return BatchPlan(**{name: column.values() for name, column in self._columns.items()})

    def _carved(self, part: BatchPlan) -> dict[str, _Column]:
        """Room for about a segment a piece and few copies, in one block: the system hands out large ones faster."""
        rooms, pieces = {}, self._pieces
        for field in dataclasses.fields(BatchPlan):
            room = self._requests + 1
            if field.name in ("addresses", "lengths", "bounced"):
                room = pieces + pieces // 16
            elif field.name.startswith("copy_"):
                room += pieces // 8
            rooms[field.name] = -(-room * getattr(part, field.name).itemsize // 64) * 64
        tops = np.cumsum(list(rooms.values()))
        block = np.empty(tops[-1], np.uint8)
        blocks = zip(rooms, np.split(block, tops[:-1]), strict=True)
        return {name: _Column(part_of.view(getattr(part, name).dtype)) for name, part_of in blocks}


class _Column:
    """An array that grows at its end."""

    def __init__(self, room: npt.NDArray[Any]) -> None:
        self._array, self._used = room, 0

    def add(self, values: npt.NDArray[Any]) -> None:
        stop = self._used + len(values)
        if stop > len(self._array):
            grown = np.empty(max(2 * len(self._array), stop), values.dtype)
            grown[: self._used] = self.values()
            self._array = grown
        self._array[self._used : stop] = values
        self._used = stop

    def values(self) -> npt.NDArray[Any]:
        return self._array[: self._used]


def _misplaced(base: int, align: int) -> PieceError:
    return PieceError(f"bounce area at {base:#x} must start on a multiple of {align:#x}; allocate it with bounce_align")
