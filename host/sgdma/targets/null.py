"""``null:``: a device that completes every request at once and moves no byte.

A yardstick for the host's own speed, not a rung of the ladder: it judges no list, aborts nothing, keeps no payload and
makes no CRC, so the shared suite means nothing on it. The rest, parameters included, is that of ``model:``.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sgdma.spec.layout import COMPLETION, COMPLETION_BYTES, HEADER, SLOT_BYTES
from sgdma.spec.status import NO_SEGMENT, SlotKind, Status
from sgdma.targets.model import ModelTarget, parameters
from sgdma.targets.model.device import ModelDevice
from sgdma.targets.model.queues import CQ_MASK, SQ_MASK, QueuePair

__all__ = ["NullTarget", "parameters"]


class NullDevice(ModelDevice):
    """The model's register interface; behind it, all headers on a ring become good records in a few operations."""

    def advance(self, limit: int) -> None:
        """Serve what was rung; time costs nothing."""
        self.clock = max(self.clock, limit)
        for queue in self.queues:
            while queue.head != queue.tail and queue.accepting:
                self._serve(queue)
            queue.settle()
            self.moderate(queue, self.clock)

    def stir(self, time: int) -> None:
        """A register was written, perhaps a doorbell."""
        self.advance(time)

    @property
    def quiet(self) -> bool:
        """Whether nothing will happen however much time passes."""
        return not any(queue.since is not None and queue.time for queue in self.queues)

    def _serve(self, queue: QueuePair) -> None:
        """Complete the requests between head and tail, as far as the completion ring has room."""
        size, count = 1 << queue.sq_log2, queue.tail - queue.head & SQ_MASK
        ring = self.memory.view(queue.sq_base, SLOT_BYTES << queue.sq_log2).view(HEADER)
        start, kinds = queue.head & size - 1, ring["kind_opcode"]
        kinds = np.concatenate((kinds[start : start + count], kinds[: max(0, start + count - size)]))
        headers = np.flatnonzero(kinds >> 4 == SlotKind.HEADER)
        ends = np.append(headers[1:], count)[: (1 << queue.cq_log2) - queue.unread]
        headers = headers[: len(ends)]
        if len(headers):
            self._complete(queue, ring[start + headers & size - 1], queue.head + ends)
        queue.head = queue.head + int(ends[-1]) & SQ_MASK

    def _complete(self, queue: QueuePair, headers: npt.NDArray[np.void], heads: npt.NDArray[np.int64]) -> None:
        index = queue.written + np.arange(len(headers))
        records = np.zeros(len(headers), COMPLETION)
        records["tag"], records["bytes_moved"] = headers["tag"], headers["total_length"]
        records["opcode"] = headers["kind_opcode"] & 0xF
        records["sequence_number"], records["phase"] = index & CQ_MASK, ~(index >> queue.cq_log2) & 1
        records["segment_index"], records["status"], records["queue"] = NO_SEGMENT, Status.OK, queue.number
        records["timestamp"], records["sq_head"] = self.clock, heads & SQ_MASK
        ring = self.memory.view(queue.cq_base, COMPLETION_BYTES << queue.cq_log2).view(COMPLETION)
        start = queue.written & len(ring) - 1
        first = min(len(records), len(ring) - start)
        ring[start : start + first] = records[:first]
        ring[: len(records) - first] = records[first:]
        queue.written = queue.owed = queue.written + len(records) & CQ_MASK


class NullTarget(ModelTarget):
    """The null device behind the contract of targets."""

    device_class: ClassVar[type[ModelDevice]] = NullDevice
