"""Traffic for one point: equal requests, as many under way as asked for, by rings and doorbells alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sgdma.bench.core.grid import Point
from sgdma.engine.device import Dma
from sgdma.engine.slots import build_slots
from sgdma.errors import DeviceError
from sgdma.rules import Direction
from sgdma.spec.layout import SLOT_BYTES
from sgdma.spec.status import Port, Status

__all__ = ["SPREAD", "WAYS", "Load"]

SPREAD = 65536
"""Bytes of host memory that segments are spread over; they overlap, as no one looks at the data."""
WAYS = {"h2c": (Direction.H2C,), "c2h": (Direction.C2H,), "both": (Direction.H2C, Direction.C2H)}


class Load:
    """Keeps `point.in_flight` requests of each direction under way, by ringing again for what has completed.

    A *unit* is one request of each direction. Card memory gives and takes the data, so user logic never limits.
    """

    def __init__(self, dma: Dma, point: Point, iova: int) -> None:
        self.dma, self.ways = dma, WAYS[point.direction]
        self.queues = dma.queues[: point.queues]
        self.unit = np.concatenate([_request(dma, way, point, iova) for way in self.ways])
        self.units = [len(range(number, point.in_flight, point.queues)) for number in range(point.queues)]
        self.finished = np.zeros((point.queues, len(self.ways)), np.int64)
        self.replaced = np.zeros(point.queues, np.int64)
        self._answered = [queue.cq.head for queue in self.queues]

    @property
    def done(self) -> int:
        """Units completed."""
        return int(self.finished.min(axis=1).sum())

    def begin(self) -> None:
        """Submit all of it, with one doorbell a queue."""
        for queue, units in zip(self.queues, self.units, strict=True):
            queue.sq.write(np.tile(self.unit, (units, 1)))
        for queue in self.queues:
            queue.ring_sq()

    def look(self) -> None:
        """Read the completions that are there. Raises DeviceError when one is not OK."""
        for number, queue in enumerate(self.queues):
            records = queue.cq.take()
            if not len(records):
                continue
            if (records["status"] != Status.OK).any():
                bad = records[records["status"] != Status.OK][0]
                raise DeviceError(f"a request of the bench ended with {Status(int(bad['status'])).name}")
            queue.sq.consumed(int(records["sq_head"][-1]))
            for column, way in enumerate(self.ways):
                self.finished[number, column] += np.count_nonzero(records["opcode"] == way)
            if (queue.cq.head - self._answered[number]) & 0xFFFF >= queue.cq.size // 4:
                self._answered[number] = queue.cq.head
                queue.ring_cq()

    def replace(self) -> None:
        """Submit a new unit for each that has completed."""
        self.look()
        due = self.finished.min(axis=1) - self.replaced
        for queue, count in zip(self.queues, due.tolist(), strict=True):
            if count:
                queue.sq.write(np.tile(self.unit, (count, 1)))
                queue.ring_sq()
        self.replaced += due


def _request(dma: Dma, way: Direction, point: Point, iova: int) -> npt.NDArray[np.uint8]:
    """Slots of one request, u8 (1 + segments, SLOT_BYTES); every segment starts on its own multiple of 64 bytes."""
    count, size = point.segments_per_request, point.segment_size
    stride = max(64, size)
    addresses = (iova + np.arange(count) * stride % SPREAD).astype(np.uint64)
    lengths = dma.rules.encode_length(np.full(count, size, np.uint64))
    slots = build_slots(way, Port.MEMORY, np.zeros(1, np.uint64), [count * size], np.zeros(1, np.uint16), addresses,
                        lengths, np.array([0, count]))  # fmt: skip
    assert slots.shape == (count + 1, SLOT_BYTES), slots.shape
    return slots
