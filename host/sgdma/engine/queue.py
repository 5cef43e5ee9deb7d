"""One queue pair: its rings, what waits for a place in them, and its commands."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sgdma.engine.limits import whole
from sgdma.engine.ring import CompletionRing, SubmissionRing
from sgdma.engine.slots import build_slots
from sgdma.engine.transfer import Area, Batch
from sgdma.errors import CommandFailed, QueueFailed
from sgdma.rules import Direction, RuleSet
from sgdma.spec.rtl_rules import ring_align
from sgdma.spec.status import Command, QueueError, QueueState, Result

if TYPE_CHECKING:
    from sgdma.engine.device import Dma

__all__ = ["Queue", "ring_log2"]

U16 = npt.NDArray[np.uint16]


def ring_log2(rules: RuleSet, entry_bytes: int, wanted: int) -> int:
    """log2 of a ring's entries: as wanted, or what fits below the rules' table_boundary."""
    if not rules.table_boundary:
        return wanted
    return min(wanted, (rules.table_boundary // entry_bytes).bit_length() - 1)


class Queue:
    """A started queue pair. Made by the driver; reach it by ``dma.queue(number)``."""

    def __init__(self, dma: Dma, number: int, sq_log2: int, cq_log2: int, moderation: tuple[int, int]) -> None:
        align, boundary = ring_align(dma.rules), dma.rules.table_boundary
        self.dma, self.number, self.moderation = dma, number, moderation
        self.sq = SubmissionRing(dma.arena, sq_log2, align, boundary)
        self.cq = CompletionRing(dma.arena, cq_log2, align, boundary)
        self.waiting: deque[Batch] = deque()
        self.unrung: list[U16] = []
        self.paused = False
        self.sequence_skew = 0  # sequence numbers minus places in the ring: stays 0 unless a completion was lost

    # State and commands.

    @property
    def state(self) -> QueueState:
        """State as the device says."""
        return QueueState(self._register("queue_state", "state"))

    @property
    def error(self) -> QueueError:
        """Why the state is ERROR."""
        return QueueError(self._register("queue_state", "error"))

    @property
    def in_flight(self) -> int:
        """Requests that the device has accepted and not yet completed."""
        return self._register("queue_state", "in_flight")

    def command(self, op: int) -> Result:
        """Give any command; its result, without judgement."""
        self._select()
        self.dma.registers.write("queue_command", op=op)
        return Result(self.dma.registers.read("queue_result"))

    def start(self) -> None:
        """START with the rings of this queue pair. Raises :class:`CommandFailed`."""
        self.sq.clear()
        self.cq.clear()
        self.sequence_skew, self.unrung = 0, []
        registers = self.dma.registers
        self._select()
        registers.write64("queue_sq_base", self.sq.buffer.iova)
        registers.write64("queue_cq_base", self.cq.buffer.iova)
        registers.write("queue_size", sq_log2=self.sq.log2, cq_log2=self.cq.log2)
        registers.write("queue_moderation", count=self.moderation[0], time=self.moderation[1])
        self._demand(Command.START)
        self.ring_cq()

    def stop(self, timeout: int | None = None) -> None:
        """Accept no more; returns when nothing is in flight. Raises CommandFailed."""
        self._demand(Command.STOP)
        self._reach(QueueState.STOPPED, timeout)

    def resume(self) -> None:
        """Go on after a stop or an abort. Raises CommandFailed."""
        self._demand(Command.RESUME)
        self.pump()

    def abort(self, timeout: int | None = None) -> None:
        """Complete all that was rung with ABORTED; returns in state STOPPED. What still waits here stays waiting."""
        self.paused = True
        try:
            self._demand(Command.ABORT)
            self._reach(QueueState.STOPPED, timeout)
        finally:
            self.paused = False

    def release(self) -> None:
        """Back to IDLE, from STOPPED or ERROR. Repeats while a descriptor fetch is under way; raises CommandFailed."""
        results: list[Result] = []

        def released() -> bool:
            self.dma.poll()
            results.append(self.command(Command.RELEASE))
            return results[-1] is Result.OK

        if not self.dma.target.poll_until(released, self.dma.limit()):
            raise self._failed(Command.RELEASE, results[-1])

    def restart(self) -> None:
        """From any state to a fresh RUNNING: aborts what runs; what was never accepted fails with DeviceReset."""
        state = self.state
        doorbell = self.error in (QueueError.SQ_DOORBELL, QueueError.CQ_DOORBELL)
        if state in (QueueState.RUNNING, QueueState.STOPPING, QueueState.STOPPED) or doorbell:
            self.abort()
        elif state is QueueState.ABORTING:
            self._reach(QueueState.STOPPED, None)
        if state is not QueueState.IDLE:
            self.release()
        self.dma.poll()
        self.dma.give_up(self)
        self.start()
        self.pump()

    def check(self) -> None:
        """Raise :class:`QueueFailed` when the queue pair is in state ERROR."""
        if self.state is QueueState.ERROR:
            reason = self.error
            remedy = f"call dma.queue({self.number}).restart()"
            raise QueueFailed(f"queue {self.number} is in ERROR: {reason.name}; {remedy}", reason)

    # Doorbells.

    def ring_sq(self) -> None:
        """Tell the device of all slots written."""
        if self.sq.rung == self.sq.tail:
            return
        if self.unrung:
            self.dma.contexts.queue(np.concatenate(self.unrung))
            self.unrung = []
        self.sq.rung = self.sq.tail
        self.dma.registers.write("sq_doorbell", tail=self.sq.tail, queue=self.number)
        for observer in self.dma.observers:
            observer.rung(self.number, self.sq.tail, self.dma.now())

    def ring_cq(self) -> None:
        """Tell the device what was read, and arm the interrupt vector where interrupts are used."""
        self.dma.registers.write("cq_doorbell", head=self.cq.head, queue=self.number, arm=int(self.dma.interrupts))

    # Placement.

    def pump(self, ring: bool = True) -> None:
        """Place what waits, in order, as far as contexts, slots and bounce space go; then ring once unless held."""
        while self.waiting and not self.paused and self._place(self.waiting[0]):
            if self.waiting[0].placed == len(self.waiting[0]):
                self.waiting.popleft()
        if ring and not self.dma.held:
            self.ring_sq()

    def _place(self, batch: Batch) -> bool:
        """Map and write the next requests of a batch; False when there is no room for even one."""
        first = batch.placed
        if batch.raw is not None:
            room = int(self.dma.contexts.free > 0 and batch.raw_slots <= self.sq.free)
        else:
            most = min(self.dma.contexts.free, self.sq.free // 2, len(batch) - first)
            ends = batch.offsets[first + 1 : first + 1 + most] - batch.offsets[first] + np.arange(1, most + 1)
            room = int(np.searchsorted(ends, self.sq.free, side="right"))
        while room and not self._bounce(batch, first, room):
            room //= 2
        if not room:
            return False
        indices = np.arange(first, first + room)
        tags = self.dma.contexts.claim(batch.number, indices)
        slots = self._slots(batch, first, room, tags)
        for observer in self.dma.observers:
            observer.submitted(self.number, batch.number, self.sq.tail, slots)
        self.sq.write(slots)
        self.unrung.append(tags)
        batch.placed += room
        return True

    def _slots(self, batch: Batch, first: int, room: int, tags: U16) -> npt.NDArray[np.uint8]:
        if batch.raw is not None:
            return batch.raw(int(tags[0]))
        offsets = batch.offsets[first : first + room + 1]
        part = slice(int(offsets[0]), int(offsets[-1]))
        mine = slice(first, first + room)
        addresses, bounced = batch.addresses[part], batch.bounced[part]
        if bounced.any():
            bases = batch.bases(range(first, first + room)).astype(np.uint64)
            addresses = addresses + np.where(bounced, np.repeat(bases, np.diff(offsets)), np.uint64(0))
        if batch.direction is Direction.H2C and not self.dma.arena.direct:
            self.dma.arena.push(addresses.astype(np.int64), batch.lengths[part].astype(np.int64))
        fields = self.dma.rules.encode_length(batch.lengths[part])
        return build_slots(batch.direction, batch.ports, batch.cards[mine], batch.totals[mine], tags, addresses, fields,
                           offsets)  # fmt: skip

    def _bounce(self, batch: Batch, first: int, room: int) -> bool:
        """Get bounce space for requests first..first + room, and fill it for H2C; False when there isn't enough."""
        sizes = batch.bounce_size[first : first + room]
        if not sizes.any():
            return True
        align = batch.bounce_align
        rounded = (sizes + align - 1) & -align
        total = int(rounded.sum())
        base = self.dma.arena.bounce.allocate(total, align)
        if base is None:
            return False
        bases = base + np.cumsum(rounded) - rounded
        users = np.flatnonzero(sizes)
        area = Area(base, total, len(users))
        for index in users.tolist():
            batch.areas[first + index] = (area, int(bases[index]))
        if batch.direction is Direction.H2C:
            copies = slice(*batch.copy_offsets[[first, first + room]].tolist())
            owner = np.repeat(np.arange(room), np.diff(batch.copy_offsets[first : first + room + 1]))
            self.dma.arena.copy(bases[owner] + batch.copy_offset[copies], batch.copy_address[copies],
                                batch.copy_length[copies])  # fmt: skip
        return True

    # Helpers.

    def _select(self) -> None:
        self.dma.registers.write("queue_select", queue=self.number)

    def _register(self, name: str, field: str) -> int:
        self._select()
        return self.dma.registers.field(name, field)

    def device_head(self) -> int:
        """Slots consumed, by the register."""
        self._select()
        return self.dma.registers.read("queue_sq_head")

    def device_written(self) -> int:
        """Completions written, by the register."""
        self._select()
        return self.dma.registers.read("queue_cq_tail")

    def _demand(self, op: Command) -> None:
        result = self.command(op)
        if result is not Result.OK:
            raise self._failed(op, result)

    def _failed(self, op: Command, result: Result) -> CommandFailed:
        state = self.state.name
        text = f"queue {self.number} in state {state} answers {op.name} with {result.name}; see docs/device.md"
        return CommandFailed(text, result)

    def _reach(self, wanted: QueueState, timeout: int | None) -> None:
        def reached() -> bool:
            self.dma.poll()
            return self.state is wanted

        limit = self.dma.limit() if timeout is None else whole("timeout", timeout)
        if not self.dma.target.poll_until(reached, limit):
            raise CommandFailed(f"queue {self.number} is {self.state.name} with {self.in_flight} in flight after "
                                f"{limit} cycles, not {wanted.name}; dma.reset() ends it")  # fmt: skip
        self.dma.poll()
