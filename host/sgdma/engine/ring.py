"""The two rings of a queue pair as the host keeps them: slots in, records out, a few numpy operations for many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sgdma.engine.buffers import Arena, DmaBuffer
from sgdma.spec.layout import COMPLETION, COMPLETION_BYTES, CQ_POINTER_BITS, SLOT_BYTES, SQ_POINTER_BITS

__all__ = ["CompletionRing", "SubmissionRing", "pick", "words"]

U8 = npt.NDArray[np.uint8]
Records = npt.NDArray[np.void]
SQ_MASK = (1 << SQ_POINTER_BITS) - 1
CQ_MASK = (1 << CQ_POINTER_BITS) - 1


def words(records: Records) -> npt.NDArray[np.uint64]:
    """The same memory as u64 (n, 4): numpy moves numbers several times faster than records."""
    return records.view(np.uint64).reshape(len(records), COMPLETION_BYTES // 8)


def pick(records: Records, places: npt.NDArray[np.int64]) -> Records:
    """Copies of the records at `places`."""
    return words(records).take(places, axis=0).view(COMPLETION)[:, 0]


class SubmissionRing:
    """2**log2 slots. ``tail``: slots written, ``rung``: of these told to the device, ``head``: consumed by it."""

    def __init__(self, arena: Arena, log2: int, align: int, boundary: int) -> None:
        self._arena, self.log2, self.size = arena, log2, 1 << log2
        self.buffer: DmaBuffer = arena.allocate(SLOT_BYTES << log2, align, boundary=boundary)
        self.slots: U8 = self.buffer.array.reshape(-1, SLOT_BYTES)
        self.clear()

    def clear(self) -> None:
        """As after START."""
        self.tail = self.rung = self.head = 0

    @property
    def free(self) -> int:
        """Slots that may be written."""
        return self.size - (self.tail - self.head & SQ_MASK)

    def write(self, slots: U8) -> None:
        """Append u8 (n, 16), n at most `free`; the device does not know of them yet."""
        assert len(slots) <= self.free, (len(slots), self.free)
        start = self.tail & self.size - 1
        first = min(len(slots), self.size - start)
        self.slots[start : start + first] = slots[:first]
        self.slots[: len(slots) - first] = slots[first:]
        if not self._arena.direct:
            places = np.array([start, 0]) * SLOT_BYTES + self.buffer.iova
            sizes = np.array([first, len(slots) - first]) * SLOT_BYTES
            self._arena.push(places[sizes > 0], sizes[sizes > 0])
        self.tail = self.tail + len(slots) & SQ_MASK

    def consumed(self, head: int) -> None:
        """The device says that it has consumed so many slots; an index that makes no sense is ignored."""
        if (head - self.head & SQ_MASK) <= (self.tail - self.head & SQ_MASK):
            self.head = head


class CompletionRing:
    """2**log2 records. ``head``: the next one to read, running freely."""

    def __init__(self, arena: Arena, log2: int, align: int, boundary: int) -> None:
        self._arena, self.log2, self.size = arena, log2, 1 << log2
        self.buffer: DmaBuffer = arena.allocate(COMPLETION_BYTES << log2, align, boundary=boundary)
        self.records: Records = self.buffer.array.view(COMPLETION)
        self._phase = self.records["phase"]
        self.clear()

    def clear(self) -> None:
        """As before START: a record of an earlier life must not look new."""
        self.head = 0
        self._arena.zero(self.buffer)

    def take(self, known: int | None = None) -> Records:
        """Copies of the records that are new, in order, (n,).

        `known`: how many the device has written, by its register, where memory must be fetched to be seen.
        """
        if known is not None:
            self._fetch(known - self.head & CQ_MASK)
        start = self.head & self.size - 1
        if int(self._phase[start]) & 1 != self._wanted(self.head):
            return self.records[:0]
        count = self._run(start, self.size, self._wanted(self.head))
        parts = [self.records[start : start + count]]
        if start + count == self.size and start:
            parts.append(self.records[: self._run(0, start, 1 - self._wanted(self.head))])
        found = np.concatenate(parts)
        self.head = self.head + len(found) & CQ_MASK
        return found

    def _wanted(self, index: int) -> int:
        """Phase bit of a new record at `index`."""
        return ~(index >> self.log2) & 1

    def _run(self, start: int, stop: int, phase: int) -> int:
        """How many records from `start` on, before `stop`, are of this phase; looks ahead in growing windows."""
        place, window = start, 32
        while place < stop:
            other = (self._phase[place : min(place + window, stop)] & 1) != phase
            if other.any():
                return place + int(other.argmax()) - start
            place, window = min(place + window, stop), 4 * window
        return stop - start

    def _fetch(self, count: int) -> None:
        start = self.head & self.size - 1
        first = min(count, self.size - start)
        for place, size in ((start, first), (0, count - first)):
            if size > 0:
                iova = self.buffer.iova + place * COMPLETION_BYTES
                self._arena.pull(np.array([iova]), np.array([size * COMPLETION_BYTES]))
