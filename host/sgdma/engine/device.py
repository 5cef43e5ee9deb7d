"""The ``dma`` object: one open device, its queue pairs and everything that is under way."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from sgdma.engine import completions, explain
from sgdma.engine.buffers import Arena, DmaBuffer
from sgdma.engine.contexts import Contexts
from sgdma.engine.identity import Identity, choose_rules, probe
from sgdma.engine.limits import whole
from sgdma.engine.mapped import Mapped
from sgdma.engine.observe import Observer
from sgdma.engine.queue import Queue, ring_log2
from sgdma.engine.registers import Registers
from sgdma.engine.requests import Requests
from sgdma.engine.transfer import Batch
from sgdma.errors import DeviceError, DeviceReset, RigError, SgdmaError, TransferTimeout
from sgdma.rules import RuleSet
from sgdma.spec.layout import COMPLETION_BYTES, CQ_POINTER_BITS, SLOT_BYTES, SQ_POINTER_BITS
from sgdma.targets import Capability, Target, open_target

__all__ = ["Dma", "open_dma"]

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
PATIENCE = 2_000_000
"""Cycles without any limit given by the caller, before the bytes under way are counted."""
RESET_LIMIT = 1_000_000
BUSY = 32
"""With so many requests mapped, completions are looked for in growing steps instead of one interrupt each."""
WAIT_SLICE = 4096
"""Longest wait for one queue's interrupt, in cycles: the others need a look as well."""


class Dma(Requests):
    """An open device. Not for several threads; use as a context manager.

    ``target``, ``identity``, ``rules`` say what it is; ``arena`` is its memory; ``observers`` are told of every slot
    and record; ``batches`` are pending, ``recent`` a few that were; ``faults`` collects what the device did wrong
    beyond failing a request (doubled, lost or foreign completions): see :meth:`check`.
    """

    def __init__(
        self, target: Target, *, rules: RuleSet | str | None = None, allow_mismatch: bool = False,
        arena: int | None = None, contexts: int = 4096, sq_log2: int | None = None, cq_log2: int | None = None,
        moderation: tuple[int, int] = (0, 0), interrupts: bool | None = None,
    ) -> None:  # fmt: skip
        self.target = target
        self.identity: Identity = probe(target, allow_mismatch=allow_mismatch)
        self.rules = choose_rules(target, self.identity, rules, allow_mismatch=allow_mismatch)
        self.registers, self.fixture = Registers(target), Registers(target, "fixture")
        can = Capability.INTERRUPTS in target.capabilities
        self.interrupts = can if interrupts is None else interrupts and can
        slots = whole("sq_log2", 13 if sq_log2 is None else sq_log2, 2, SQ_POINTER_BITS - 1)
        records = whole("cq_log2", 12 if cq_log2 is None else cq_log2, 1, CQ_POINTER_BITS - 1)
        count, time = moderation
        moderation = whole("moderation count", count, 0, 255), whole("moderation time", time, 0, 65535)
        self.contexts = Contexts(whole("contexts", contexts, 1, 1 << 16))
        room = min(48 << 20, target.memory_bytes * 3 // 4) if arena is None else whole("arena", arena, 4096)
        self.arena = Arena(target, room)
        self.observers: list[Observer] = []
        self.faults: list[DeviceError] = []
        self.batches: dict[int, Batch] = {}
        self.recent: dict[int, Batch] = {}
        self.held, self.bytes_under_way, self.remembered = 0, 0, 0  # the last: requests in `recent`
        self._batch_number, self.closed = 0, False
        shape = ring_log2(self.rules, SLOT_BYTES, slots), ring_log2(self.rules, COMPLETION_BYTES, records)
        self._reset_device()
        self.queues = [Queue(self, number, *shape, moderation) for number in range(self.identity.queues)]
        self._start()

    # Memory.

    def buffer(self, size: int, align: int = 64, *, residue: int = 0, boundary: int = 0, guard: int = 0) -> DmaBuffer:
        """Zeroed DMA memory at an address ≡ `residue` (mod `align`), with `guard` guard bytes on both sides.

        Raises OutOfMemory when so much is not free, ArenaTooSmall when it never is.
        """
        self.arena.demand(whole("size", size), whole("guard", guard))
        return self.arena.allocate(size, align, residue=residue, boundary=boundary, guard=guard)

    def free(self, buffer: DmaBuffer) -> None:
        """Give a buffer back, once nothing under way uses it."""
        self.arena.free(buffer)

    def map(self, *arrays: npt.NDArray[np.uint8]) -> Mapped:
        """Let the device reach arrays where they lie: requests with parts of them go without staging.

        Whole pages are mapped, the array's place in its page is kept. Several arrays become one range of bus addresses,
        so that a request over them is one segment: all but the first must begin, all but the last must end with a page.
        Raises MissingCapability where a target can only reach its own memory, MappingFailed for a limit.
        """
        return self.arena.map(*arrays)

    def unmap(self, mapped: Mapped) -> None:
        """Undo `map`, once nothing under way uses it."""
        self.arena.unmap(mapped)

    # Completion.

    @property
    def pending(self) -> int:
        """Requests submitted and not done, the waiting ones included."""
        return sum(batch.remaining for batch in self.batches.values())

    def poll(self) -> int:
        """Process all new completions, place what waited for them; how many there were."""
        return sum(completions.process(self, queue) for queue in self.queues)

    def wait(
        self, condition: Callable[[], bool], timeout: int | None = None,
        what: str | Callable[[], str] = "the condition",
    ) -> None:  # fmt: skip
        """Process completions until `condition()`; `what` is missing when it doesn't come.

        Raises :class:`TransferTimeout` after `timeout` cycles; without one after `limit()` cycles in which nothing
        completed, since a slow host is no verdict on the device.
        """
        limit = self.limit() if timeout is None else whole("timeout", timeout)
        end, step = self.now() + limit, 16
        completed = self.poll()
        while not condition():
            now = self.now()
            if completed and timeout is None:
                end = now + limit
            left = end - now
            if left <= 0:
                completions.reconcile(self)
                if condition():
                    return
                told = what if isinstance(what, str) else what()
                queues = f"; {explain.in_flight(self)}" if self.batches else ""
                raise TransferTimeout(f"{told}: not done after {limit} cycles with {self.pending} pending{queues}; "
                                      "abort or restart the queue, or reset the device")  # fmt: skip
            self._pass_time(min(left, WAIT_SLICE), step)
            completed = self.poll()
            if not completed and step == WAIT_SLICE:
                completions.unstick(self)
            step = min(2 * step, WAIT_SLICE)

    def wait_all(self, timeout: int | None = None) -> None:
        """Wait until nothing is pending, whatever the outcome. Raises TransferTimeout."""
        self.wait(lambda: not self.batches, timeout, lambda: f"all requests ({explain.pending_text(self)})")

    def wait_for(self, batch: Batch, index: int | None, timeout: int | None = None) -> None:
        """Wait for a batch, or request `index` of it, whatever the outcome. Raises TransferTimeout."""
        done = (lambda: batch.done) if index is None else (lambda: bool(batch.finished[index]))
        self.wait(done, timeout, lambda: explain.pending_text(self, batch, index))

    def check(self) -> None:
        """Raise the first of ``faults``, and of queue pairs in state ERROR."""
        self.poll()
        if self.faults:
            raise self.faults[0]
        for queue in self.queues:
            queue.check()

    def now(self) -> int:
        """Target time in device cycles."""
        return self.target.now()

    def limit(self) -> int:
        """Cycles that a wait without a limit of its own takes at most: patience, and time for what is under way."""
        return PATIENCE + 64 * self.bytes_under_way // (self.identity.data_width // 8)

    # Reset and end.

    def reset(self) -> None:
        """Function-level reset: every pending transfer fails with DeviceReset, all queues start afresh."""
        self._reset_device()
        self._fail_pending(DeviceReset)
        self._start()

    def _fail_pending(self, error: Callable[[str], SgdmaError]) -> None:
        """All that waits or was placed fails; `error` of what happened to it."""
        for queue in self.queues:
            for batch in queue.waiting:
                completions.abandon(self, batch, error(f"device was reset before batch {batch.number} was sent"))
            queue.waiting.clear()
            self.give_up(queue, error)

    def give_up(self, queue: Queue, error: Callable[[str], SgdmaError] = DeviceReset) -> None:
        """All that was placed on a queue and is still pending fails."""
        text = "was pending when its queue or device was reset"
        completions.give_up(self, queue, lambda tag: error(f"tag {tag} {text}"))

    def close(self) -> None:
        """Reset the device, so that it leaves memory alone, then give the memory back. The target stays open.

        What is pending fails: with DeviceReset, or with the rig's error when the device can't be reached any more.
        """
        if self.closed:
            return
        self.closed = True
        error: SgdmaError = DeviceReset("the device was closed before this was done")
        try:
            self._reset_device()
        except RigError as unreachable:
            error = unreachable
        try:
            self._fail_pending(lambda text: error)
        finally:
            self.arena.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.target.close()

    # Inside.

    def next_batch(self) -> int:
        """A number that no batch has had."""
        self._batch_number += 1
        return self._batch_number

    def _pass_time(self, cycles: int, step: int) -> None:
        if self.interrupts and len(self.contexts.state) - self.contexts.free < BUSY:
            waiting = [queue.number for queue in self.queues if queue.sq.rung != queue.sq.head] or [0]
            self.target.wait_interrupt(waiting[0], cycles if len(waiting) == 1 else min(cycles, step))
        else:
            self.target.sleep(min(cycles, step))

    def _reset_device(self) -> None:
        self.registers.write("control", reset=1)
        if not self.target.poll_until(lambda: not self.registers.field("status", "reset_busy"), RESET_LIMIT):
            raise TransferTimeout(f"function-level reset still busy after {RESET_LIMIT} cycles: memory owes a response")

    def _start(self) -> None:
        self.registers.write("ev_pending", (1 << len(self.queues) + 1) - 1)
        self.registers.write("ev_enable", (1 << len(self.queues) + 1) - 1 if self.interrupts else 0)
        for queue in self.queues:
            queue.start()


def open_dma(
    url: str, *, rules: RuleSet | str | None = None, allow_mismatch: bool = False, arena: int | None = None,
    contexts: int = 4096, sq_log2: int | None = None, cq_log2: int | None = None, moderation: tuple[int, int] = (0, 0),
    interrupts: bool | None = None,
) -> Dma:  # fmt: skip
    """Open the target at `url`, check its identity, reset it and start all its queue pairs.

    `rules`: to plan by, or their name or path (None: the target's). `allow_mismatch`: insist in spite of foreign
    hashes. `arena`: bytes of DMA memory. `contexts`: requests that can be mapped at once. `sq_log2`, `cq_log2`: ring
    sizes, at most what the rules' table_boundary allows (None: 8192 slots, 4096 records, or that). `moderation`:
    interrupts at so many completions (0..255), or so many units of 16 cycles (0..65535) after the first. `interrupts`:
    False polls; None: if it can.
    """
    target = open_target(url)
    try:
        return Dma(target, rules=rules, allow_mismatch=allow_mismatch, arena=arena, contexts=contexts, sq_log2=sq_log2,
                   cq_log2=cq_log2, moderation=moderation, interrupts=interrupts)  # fmt: skip
    except BaseException:
        target.close()
        raise
