"""State of the model's queue pairs: commands, doorbells, rings, interrupt moderation."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field

from sgdma.rules import RuleSet
from sgdma.spec.layout import COMPLETION_BYTES, CQ_POINTER_BITS, SLOT_BYTES, SQ_POINTER_BITS
from sgdma.spec.rtl_rules import ring_align
from sgdma.spec.status import Command, QueueError, QueueState, Result
from sgdma.targets.model.checker import Request

__all__ = ["CQ_MASK", "RECORD", "SQ_MASK", "QueuePair", "check_rings"]

SQ_MASK = (1 << SQ_POINTER_BITS) - 1
CQ_MASK = (1 << CQ_POINTER_BITS) - 1
RECORD = struct.Struct("<HHHBBIIQIHH")
"""A completion in the order of its layout."""

_STOPPABLE = (QueueState.STOPPED, QueueState.ERROR)
_DOORBELL_ERRORS = (QueueError.SQ_DOORBELL, QueueError.CQ_DOORBELL)


@dataclass(eq=False)
class QueuePair:
    """One queue pair. ``head``, ``tail`` count slots, ``cq_head``, ``owed``, ``written`` completions, running free."""

    number: int
    state: QueueState = QueueState.IDLE
    error: QueueError = QueueError.NONE
    sq_base: int = 0
    cq_base: int = 0
    sq_log2: int = 0
    cq_log2: int = 0
    head: int = 0
    tail: int = 0
    cq_head: int = 0
    owed: int = 0
    written: int = 0
    count: int = 1
    time: int = 0
    armed: bool = False
    since: int | None = None  # when the vector was armed and a completion there
    judged: deque[Request] = field(default_factory=deque)
    fetch_failed: bool = False

    @property
    def in_flight(self) -> int:
        """Requests accepted and not yet completed."""
        return self.owed - self.written & CQ_MASK

    @property
    def unread(self) -> int:
        """Completions written and not yet taken by the host."""
        return self.written - self.cq_head & CQ_MASK

    @property
    def accepting(self) -> bool:
        """Whether a request may be accepted: by state, and because its completion has a place."""
        running = self.state in (QueueState.RUNNING, QueueState.ABORTING)
        return running and (self.owed - self.cq_head & CQ_MASK) < 1 << self.cq_log2

    def command(self, op: int) -> Result:
        """The effect of any operation but START."""
        state = self.state
        allowed = {
            Command.STOP: state is QueueState.RUNNING,
            Command.RESUME: state is QueueState.STOPPED,
            Command.ABORT: state in (QueueState.RUNNING, QueueState.STOPPING, QueueState.STOPPED)
            or (state is QueueState.ERROR and self.error in _DOORBELL_ERRORS),
            Command.RELEASE: state in _STOPPABLE and not self.in_flight,
        }
        if op not in allowed:
            return Result.BAD_COMMAND
        if not allowed[Command(op)]:
            return Result.BAD_STATE
        after = {Command.STOP: QueueState.STOPPING, Command.RESUME: QueueState.RUNNING,
                 Command.ABORT: QueueState.ABORTING, Command.RELEASE: QueueState.IDLE}  # fmt: skip
        self.state, self.error = after[Command(op)], QueueError.NONE
        return Result.OK

    def settle(self) -> None:
        """STOPPING and ABORTING end by themselves."""
        if self.in_flight:
            return
        if self.state is QueueState.STOPPING or (self.state is QueueState.ABORTING and self.head == self.tail):
            self.state = QueueState.STOPPED

    def ring_sq(self, tail: int) -> bool:
        """The submission doorbell; False when it is refused."""
        ahead = tail - self.head & SQ_MASK
        if ahead > 1 << self.sq_log2 or ahead < (self.tail - self.head & SQ_MASK):
            return False
        self.tail = tail
        return True

    def ring_cq(self, head: int) -> bool:
        """The completion doorbell; False when it is refused."""
        if (head - self.cq_head & CQ_MASK) > self.unread:
            return False
        self.cq_head = head
        return True

    def due(self, now: int) -> bool:
        """Whether the armed vector fires now; starts the moderation's clock."""
        if not self.armed:
            return False
        if not self.unread:
            self.since = None
            return False
        if self.since is None:
            self.since = now
        return self.unread >= max(1, self.count) or (self.time > 0 and now >= self.since + 16 * self.time)


def check_rings(rules: RuleSet, sq_base: int, sq_log2: int, cq_base: int, cq_log2: int) -> Result:
    """What START says of the rings."""
    if not 2 <= sq_log2 <= SQ_POINTER_BITS - 1 or not 1 <= cq_log2 <= CQ_POINTER_BITS - 1:
        return Result.BAD_SIZE
    rings = ((sq_base, SLOT_BYTES << sq_log2), (cq_base, COMPLETION_BYTES << cq_log2))
    if any(base % ring_align(rules) for base, _ in rings):
        return Result.TABLE_ALIGN
    boundary = rules.table_boundary
    if boundary and any(base // boundary != (base + size - 1) // boundary for base, size in rings):
        return Result.TABLE_BOUNDARY
    if any(base + size > 1 << rules.address_bits for base, size in rings):
        return Result.ADDRESS_BITS
    return Result.OK
