"""Ways to break the model, one at a time: a pytest plugin that breaks it as SGDMA_MUTANT says.

``pytest -p tests.suite.mutants`` with the checkout on the path; :data:`MUTANTS` lists the names. What the suite does
not notice, it does not test.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from sgdma.rules import Rule
from sgdma.rules import check as rules_check
from sgdma.spec.status import NO_SEGMENT, RULE_BASE, Command, QueueState, Status
from sgdma.targets.model import ModelTarget, checker, device, engines, fixture, queues, registers
from sgdma.targets.model.device import FrontEnd, ModelDevice
from sgdma.targets.model.engines import C2hEngine, Engine
from sgdma.targets.model.fixture import Fixture
from sgdma.targets.model.queues import QueuePair

MUTANTS: dict[str, Callable[[], None]] = {}
SEGMENT_CODES = rules_check._segment_codes


def mutant(patch: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[patch.__name__] = patch
    return patch


def wrap(owner: object, name: str, make: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
    setattr(owner, name, make(getattr(owner, name)))


def completion(change: Callable[..., tuple[object, ...]]) -> None:
    """Pass the arguments of every completion through `change`."""
    wrap(ModelDevice, "complete", lambda inner: lambda self, *a: inner(self, *change(self, *a)))


@mutant
def crc_of_the_wrong_polynomial() -> None:
    completion(lambda self, r, status, seg, moved, crc, t: (r, status, seg, moved, crc ^ 1 if crc else 0, t))


@mutant
def segment_index_is_off_by_one() -> None:
    completion(lambda self, r, status, seg, *rest: (r, status, seg if seg == NO_SEGMENT else seg + 1, *rest))


@mutant
def moved_bytes_are_always_the_total() -> None:
    completion(lambda self, r, status, seg, moved, crc, t: (r, status, seg, r.total, crc, t))


@mutant
def a_doubled_completion_now_and_then() -> None:
    calls = [0]

    def make(inner: Callable[..., object]) -> Callable[..., object]:
        def complete(self: ModelDevice, request: checker.Request, *rest: object) -> None:
            inner(self, request, *rest)
            calls[0] += 1
            if calls[0] % 97 == 0:
                self.queues[request.queue].owed += 1
                inner(self, request, *rest)

        return complete

    wrap(ModelDevice, "complete", make)


@mutant
def a_lost_completion_now_and_then() -> None:
    calls = [0]

    def make(inner: Callable[..., object]) -> Callable[..., object]:
        def complete(self: ModelDevice, request: checker.Request, *rest: object) -> None:
            calls[0] += 1
            if calls[0] % 97 == 0:
                self.queues[request.queue].owed -= 1
            else:
                inner(self, request, *rest)

        return complete

    wrap(ModelDevice, "complete", make)


@mutant
def tags_of_two_requests_are_swapped() -> None:
    def make(inner: Callable[..., list[checker.Request]]) -> Callable[..., object]:
        def judge(*arguments: object) -> list[checker.Request]:
            found = inner(*arguments)
            if len(found) > 30:
                found[20].tag, found[21].tag = found[21].tag, found[20].tag
            return found

        return judge

    wrap(device, "judge", make)


def deaf_to(rule: Rule) -> None:
    def codes(*arguments: object) -> object:
        found = SEGMENT_CODES(*arguments)  # type: ignore[arg-type]
        found[found == rule] = 0
        return found

    checker._segment_codes = codes  # type: ignore[assignment]


@mutant
def no_end_rule() -> None:
    deaf_to(Rule.END_RULE)


@mutant
def no_tail_align() -> None:
    deaf_to(Rule.TAIL_ALIGN)


@mutant
def no_segment_boundary() -> None:
    deaf_to(Rule.SEGMENT_BOUNDARY)


@mutant
def a_violation_lets_its_follower_be_skipped() -> None:
    def make(inner: Callable[..., list[checker.Request]]) -> Callable[..., object]:
        def judge(*arguments: object) -> list[checker.Request]:
            found = inner(*arguments)
            return [
                request for before, request in zip([None, *found], found, strict=False)
                if not (before and before.status > RULE_BASE and request.status == 0 and len(found) > 2)
            ]  # fmt: skip

        return judge

    wrap(device, "judge", make)


@mutant
def header_rules_are_not_checked() -> None:
    wrap(checker, "_header_status", lambda inner: lambda *a: (
        np.where(inner(*a)[0] > RULE_BASE, 0, inner(*a)[0]).astype(np.uint8), inner(*a)[1]))  # type: ignore[index]


@mutant
def a_read_writes_one_byte_too_many() -> None:
    def make(inner: Callable[..., object]) -> Callable[..., object]:
        def done(self: C2hEngine, request: checker.Request, *rest: object) -> object:
            place = request.addresses[-1] + request.lengths[-1]
            if not self.owner.memory.fails(place, 1, True):
                self.owner.memory.view(place, 1)[:] ^= 0xFF
            return inner(self, request, *rest)

        return done

    wrap(C2hEngine, "_done", make)


@mutant
def card_memory_ignores_byte_enables() -> None:
    wrap(Fixture, "_store", lambda inner: lambda self, card, data: inner(
        self, card, np.concatenate((data, np.zeros(-len(data) % self.beat, np.uint8)))))


@mutant
def the_phase_bit_does_not_toggle() -> None:
    real = device.RECORD

    class Packer:
        def pack_into(self, *arguments: object) -> None:
            real.pack_into(*arguments[:-1], 1)

    device.RECORD = Packer()  # type: ignore[assignment]


@mutant
def a_full_completion_ring_is_overrun() -> None:
    QueuePair.accepting = property(lambda self: self.state in (QueueState.RUNNING, QueueState.ABORTING))  # type: ignore[assignment]


@mutant
def abort_says_ok() -> None:
    completion(lambda self, r, status, *rest: (r, Status.OK if status == Status.ABORTED else status, *rest))


@mutant
def abort_forgets_what_waits() -> None:
    def make(inner: Callable[..., object]) -> Callable[..., object]:
        def command(self: QueuePair, op: int) -> object:
            if op == Command.ABORT:
                self.judged.clear()
                self.head = self.tail
            return inner(self, op)

        return command

    wrap(QueuePair, "command", make)


@mutant
def stop_goes_on_accepting() -> None:
    def accepting(self: QueuePair) -> bool:
        open_states = (QueueState.RUNNING, QueueState.ABORTING, QueueState.STOPPED)
        return self.state in open_states and (self.owed - self.cq_head & 0xFFFF) < 1 << self.cq_log2

    QueuePair.accepting = property(accepting)  # type: ignore[assignment]


@mutant
def reset_lets_the_engines_finish() -> None:
    Engine.clear = lambda self: None  # type: ignore[method-assign]
    C2hEngine.clear = lambda self: None  # type: ignore[method-assign]
    wrap(ModelDevice, "complete", lambda inner: lambda self, r, *rest: (
        inner(self, r, *rest) if self.queues[r.queue].state else None))


@mutant
def arming_forgets_older_completions() -> None:
    def due(self: QueuePair, now: int) -> bool:
        fires = self.armed and self.unread > getattr(self, "seen", 0)
        if not self.armed:
            self.seen = self.unread  # type: ignore[attr-defined]
        return fires

    QueuePair.due = due  # type: ignore[method-assign]


@mutant
def moderation_counts_nothing() -> None:
    wrap(QueuePair, "due", lambda inner: lambda self, now: self.armed and self.unread > 0)


@mutant
def moderation_by_time_never_ends() -> None:
    QueuePair.due = lambda self, now: self.armed and self.unread >= max(1, self.count)  # type: ignore[method-assign]


@mutant
def firing_does_not_disarm() -> None:
    def moderate(self: ModelDevice, queue: QueuePair, now: int) -> None:
        if queue.due(now):
            self.pending |= 1 << queue.number

    ModelDevice.moderate = moderate  # type: ignore[method-assign]


@mutant
def the_first_queue_is_always_served_first() -> None:
    wrap(FrontEnd, "step", lambda inner: lambda self: (setattr(self, "last", -1), inner(self))[1])


@mutant
def a_torn_list_swallows_the_next_request() -> None:
    wrap(device, "judge", lambda inner: lambda *a: [
        request for before, request in zip([None, *inner(*a)], inner(*a), strict=False)
        if not (before and before.status == Status.TORN_LIST)])  # type: ignore[misc]


@mutant
def loopback_swaps_packets() -> None:
    wrap(Fixture, "_pull", lambda inner: lambda self, most: (
        self.packets.rotate(1) if len(self.packets) > 1 and self.packets[-1].ended and not any(
            packet.begun for packet in self.packets) else None, inner(self, most))[1])


@mutant
def the_pattern_is_shifted_wrongly() -> None:
    fixture.mix = lambda value: value ^ value << np.uint32(13) ^ value >> np.uint32(16)  # type: ignore[assignment]


@mutant
def a_bus_error_names_the_last_segment() -> None:
    def make(inner: Callable[..., object]) -> Callable[..., object]:
        def finish(self: Engine, request: checker.Request) -> object:
            request.bad.reverse()
            return inner(self, request)

        return finish

    wrap(Engine, "_finish", make)


@mutant
def a_bus_error_stops_the_request() -> None:
    wrap(engines, "_good", lambda inner: lambda bad, low, high: inner(
        [(start, 1 << 40, segment) for start, _, segment in bad[:1]], low, high))


@mutant
def doorbells_are_believed() -> None:
    def ring_sq(self: QueuePair, tail: int) -> bool:
        if tail - self.head & 0xFFFFF <= 1 << self.sq_log2:
            self.tail = tail
        return True

    QueuePair.ring_sq = ring_sq  # type: ignore[method-assign]


@mutant
def release_does_not_wait() -> None:
    QueuePair.in_flight = property(lambda self: 0)  # type: ignore[assignment]


@mutant
def record_says_the_old_head() -> None:
    wrap(FrontEnd, "_accept", lambda inner: lambda self, queue: (inner(self, queue)))
    real = device.RECORD

    class Packer:
        def pack_into(self, *arguments: object) -> None:
            changed = list(arguments)
            changed[-3] = max(0, int(changed[-3]) - 2)  # type: ignore[call-overload]
            real.pack_into(*changed)

    device.RECORD = Packer()  # type: ignore[assignment]


@mutant
def rings_may_cross_their_boundary() -> None:
    def check(*arguments: object) -> object:
        result = queues.check_rings(*arguments)  # type: ignore[arg-type]
        return queues.Result.OK if result is queues.Result.TABLE_BOUNDARY else result

    registers.check_rings = check  # type: ignore[assignment]


@mutant
def interrupts_never_fire() -> None:
    wrap(ModelTarget, "wait_interrupt", lambda inner: lambda self, vector, timeout: self.sleep(timeout))


def pytest_configure() -> None:
    """Break the model."""
    name = os.environ.get("SGDMA_MUTANT")
    if name:
        MUTANTS[name]()
