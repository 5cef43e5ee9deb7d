"""The ``dma`` object: one open device, its queue pairs and everything that is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from sgdma.engine import completions
from sgdma.engine.buffers import Arena, DmaBuffer
from sgdma.engine.contexts import Contexts
from sgdma.engine.identity import Identity, choose_rules, probe
from sgdma.engine.observe import Observer
from sgdma.engine.queue import Queue, ring_log2
from sgdma.engine.registers import Registers
from sgdma.engine.submit import U8, Pieces, plan_requests, raw_request, resolve
from sgdma.engine.transfer import Batch, Transfer
from sgdma.errors import DeviceError, DeviceReset, RequestError, TransferTimeout
from sgdma.rules import Direction, RuleSet
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.spec.status import Port
from sgdma.targets import Capability, Target, open_target

__all__ = ["Dma", "open_dma"]

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Callback = Callable[[Transfer], object]
PATIENCE = 2_000_000
"""Cycles without any limit given by the caller, before the bytes under way are counted."""
RESET_LIMIT = 1_000_000
BUSY = 32
"""With so many requests mapped, completions are looked for in growing steps instead of one interrupt each."""
WAIT_SLICE = 4096
"""Longest wait for one queue's interrupt, in cycles: the others need a look as well."""


class Dma:
    """An open device. Not for several threads; use as a context manager.

    ``target``, ``identity``, ``rules`` say what it is; ``arena`` is its memory; ``observers`` are told of every slot
    and record; ``batches`` are pending, ``recent`` a few that were; ``faults`` collects what the device did wrong
    beyond failing a request (doubled, lost or foreign completions): see :meth:`check`.
    """

    def __init__(
        self, target: Target, *, rules: RuleSet | None = None, allow_mismatch: bool = False, arena: int | None = None,
        contexts: int = 4096, sq_log2: int | None = None, cq_log2: int | None = None,
        moderation: tuple[int, int] = (0, 0), interrupts: bool | None = None,
    ) -> None:  # fmt: skip
        self.target = target
        self.identity: Identity = probe(target, allow_mismatch=allow_mismatch)
        self.rules = choose_rules(target, self.identity, rules, allow_mismatch=allow_mismatch)
        self.registers, self.fixture = Registers(target), Registers(target, "fixture")
        can = Capability.INTERRUPTS in target.capabilities
        self.interrupts = can if interrupts is None else interrupts and can
        self.arena = Arena(target, min(48 << 20, target.memory_bytes * 3 // 4) if arena is None else arena)
        self.contexts = Contexts(contexts)
        self.observers: list[Observer] = []
        self.faults: list[DeviceError] = []
        self.batches: dict[int, Batch] = {}
        self.recent: dict[int, Batch] = {}
        self.held, self.bytes_under_way = 0, 0
        self._batch_number, self._closed = 0, False
        shape = (ring_log2(self.rules, SLOT_BYTES, sq_log2 or 13),
                 ring_log2(self.rules, COMPLETION_BYTES, cq_log2 or 12))  # fmt: skip
        self._reset_device()
        self.queues = [Queue(self, number, *shape, moderation) for number in range(self.identity.queues)]
        self._start()

    # Submission.

    def write(
        self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY, queue: int | None = None,
        callback: Callback | None = None,
    ) -> Transfer:  # fmt: skip
        """Send to the card (H2C). Returns at once; `pieces` must not change until the transfer is done.

        Raises PieceError, Unplannable, RequestError; every later failure is the transfer's.
        """
        return self.submit(Direction.H2C, pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def read(
        self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY, queue: int | None = None,
        callback: Callback | None = None,
    ) -> Transfer:  # fmt: skip
        """Fetch from the card (C2H) into `pieces`, which hold the data once it is done. Else as :meth:`write`."""
        return self.submit(Direction.C2H, pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def submit(
        self, direction: Direction, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY,
        queue: int | None = None, callback: Callback | None = None,
    ) -> Transfer:  # fmt: skip
        """One request of either direction."""
        number = self._queue_for(direction, queue)
        addresses, lengths, cleanups = resolve(self, pieces, direction, card_address)
        try:
            batch = plan_requests(self, direction, addresses, lengths, np.array([0, len(lengths)]),
                                  np.array([card_address], np.uint64), port, number)  # fmt: skip
        except BaseException:
            for cleanup in cleanups:
                cleanup()
            raise
        batch.cleanups = cleanups
        if callback:
            batch.callbacks[0] = [callback]
        self._enqueue(batch)
        return batch[0]

    def prepare_write(self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY,
                      queue: int | None = None, callback: Callback | None = None) -> Transfer:  # fmt: skip
        """As :meth:`write`, mapped and written into the ring but unknown to the device until :meth:`ring`."""
        with self._holding():
            return self.write(pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def prepare_read(self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY,
                     queue: int | None = None, callback: Callback | None = None) -> Transfer:  # fmt: skip
        """As :meth:`read`, mapped and written into the ring but unknown to the device until :meth:`ring`."""
        with self._holding():
            return self.read(pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def write_batch(
        self, addresses: npt.ArrayLike, lengths: npt.ArrayLike, offsets: npt.ArrayLike | None = None, *,
        card_addresses: npt.ArrayLike = 0, port: Port = Port.MEMORY, queue: int | None = None,
    ) -> Batch:  # fmt: skip
        """k requests to the card at once: the fast path for thousands.

        `addresses`, `lengths`: (n,) bus addresses and bytes of all pieces; request i owns ``offsets[i]:offsets[i + 1]``
        (None: one piece a request); `card_addresses`: (k,) or one for all.
        """
        return self.submit_batch(Direction.H2C, addresses, lengths, offsets, card_addresses, port, queue)

    def read_batch(
        self, addresses: npt.ArrayLike, lengths: npt.ArrayLike, offsets: npt.ArrayLike | None = None, *,
        card_addresses: npt.ArrayLike = 0, port: Port = Port.MEMORY, queue: int | None = None,
    ) -> Batch:  # fmt: skip
        """k requests from the card at once; else as :meth:`write_batch`."""
        return self.submit_batch(Direction.C2H, addresses, lengths, offsets, card_addresses, port, queue)

    def submit_batch(
        self, direction: Direction, addresses: npt.ArrayLike, lengths: npt.ArrayLike,
        offsets: npt.ArrayLike | None = None, card_addresses: npt.ArrayLike = 0, port: Port = Port.MEMORY,
        queue: int | None = None,
    ) -> Batch:  # fmt: skip
        """k requests of either direction."""
        address, length = np.asarray(addresses, np.uint64), np.asarray(lengths, np.uint64)
        bounds = np.arange(len(address) + 1) if offsets is None else np.asarray(offsets, np.int64)
        cards = np.broadcast_to(np.asarray(card_addresses, np.uint64), (len(bounds) - 1,)).copy()
        number = self._queue_for(direction, queue)
        if len(address):
            self.arena.view(int(address.min()), 0)
            self.arena.view(int((address + length).max()), 0)
        batch = plan_requests(self, direction, address, length, bounds, cards, port, number)
        self._enqueue(batch)
        return batch

    def submit_raw(
        self, direction: Direction, segments: Sequence[tuple[int, int]], *, queue: int | None = None,
        port: int = Port.MEMORY, card_address: int = 0, total: int | None = None, count: int | None = None,
        opcode: int | None = None, flags: int | None = None, kind: int | None = None, tag: int | None = None,
        encoded: bool = False, edit: Callable[[U8], U8 | None] | None = None,
    ) -> Transfer:  # fmt: skip
        """One request exactly as given, for tests that violate rules and structure: no plan, no check.

        `segments`: (bus address, bytes); with `encoded` the second is the length field itself. `total`, `count`,
        `opcode`, `flags`, `kind`, `tag` replace header fields. `edit` gets the slots, u8 (n, 16), last, and may change
        them in place. A wrong `tag` leaves the transfer pending: only reset or restart ends it.
        """
        batch = raw_request(
            self, direction, segments, queue=self._queue_for(direction, queue), port=port, card_address=card_address,
            total=total, count=count, opcode=opcode, flags=flags, kind=kind, tag=tag, encoded=encoded, edit=edit,
        )  # fmt: skip
        self._enqueue(batch)
        return batch[0]

    def ring(self) -> None:
        """Ring the doorbells of all queues that have unknown slots, and place what waits."""
        for queue in self.queues:
            queue.pump()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Whatever is submitted inside is rung at the end, one doorbell a queue."""
        with self._holding():
            yield
        self.ring()

    # Memory.

    def buffer(self, size: int, align: int = 64, *, residue: int = 0, boundary: int = 0, guard: int = 0) -> DmaBuffer:
        """Zeroed DMA memory at an address ≡ `residue` (mod `align`), with `guard` guard bytes on both sides."""
        return self.arena.allocate(size, align, residue=residue, boundary=boundary, guard=guard)

    def free(self, buffer: DmaBuffer) -> None:
        """Give a buffer back, once nothing under way uses it."""
        self.arena.free(buffer)

    # Completion.

    @property
    def pending(self) -> int:
        """Requests submitted and not done, the waiting ones included."""
        return sum(batch.remaining for batch in self.batches.values())

    def poll(self) -> int:
        """Process all new completions, place what waited for them; how many there were."""
        return sum(completions.process(self, queue) for queue in self.queues)

    def wait(self, condition: Callable[[], bool], timeout: int | None = None, what: str = "the condition") -> None:
        """Process completions until `condition()`. Raises :class:`TransferTimeout` after `timeout` cycles."""
        limit = self.limit() if timeout is None else timeout
        end, step = self.now() + limit, 16
        self.poll()
        while not condition():
            left = end - self.now()
            if left <= 0:
                completions.reconcile(self)
                if condition():
                    return
                raise TransferTimeout(f"{what}: not done after {limit} cycles with {self.pending} pending; "
                                      "look at dma.queue(n).state, then abort, restart or reset")  # fmt: skip
            self._pass_time(min(left, WAIT_SLICE), step)
            if not self.poll() and step == WAIT_SLICE:
                completions.unstick(self)
            step = min(2 * step, WAIT_SLICE)

    def wait_all(self, timeout: int | None = None) -> None:
        """Wait until nothing is pending, whatever the outcome. Raises TransferTimeout."""
        self.wait(lambda: not self.batches, timeout, "all requests")

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

    def queue(self, number: int) -> Queue:
        """One queue pair: its state and commands. Raises :class:`RequestError`."""
        if not 0 <= number < len(self.queues):
            raise RequestError(f"queue {number}: this device has 0..{len(self.queues) - 1}")
        return self.queues[number]

    # Reset and end.

    def reset(self) -> None:
        """Function-level reset: every pending transfer fails with DeviceReset, all queues start afresh."""
        self._reset_device()
        for queue in self.queues:
            for batch in queue.waiting:
                completions.abandon(self, batch, DeviceReset(f"device was reset before batch {batch.number} was sent"))
            queue.waiting.clear()
            self.give_up(queue)
        self._start()

    def give_up(self, queue: Queue) -> None:
        """All that was placed on a queue and is still pending fails with DeviceReset."""
        text = "was pending when its queue or device was reset"
        completions.give_up(self, queue, lambda tag: DeviceReset(f"tag {tag} {text}"))

    def close(self) -> None:
        """Reset the device, so that it leaves memory alone, then give the memory back. The target stays open."""
        if self._closed:
            return
        self._closed = True
        self._reset_device()
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

    def _queue_for(self, direction: Direction, queue: int | None) -> int:
        if queue is not None:
            return self.queue(queue).number
        return 0 if direction is Direction.H2C else min(1, len(self.queues) - 1)

    def _enqueue(self, batch: Batch) -> None:
        if not len(batch):
            return
        self.batches[batch.number] = batch
        self.bytes_under_way += batch.bytes
        queue = self.queues[batch.queue]
        queue.waiting.append(batch)
        queue.pump()

    @contextmanager
    def _holding(self) -> Iterator[None]:
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

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
    url: str, *, rules: RuleSet | None = None, allow_mismatch: bool = False, arena: int | None = None,
    contexts: int = 4096, sq_log2: int | None = None, cq_log2: int | None = None, moderation: tuple[int, int] = (0, 0),
    interrupts: bool | None = None,
) -> Dma:  # fmt: skip
    """Open the target at `url`, check its identity, reset it and start all its queue pairs.

    `rules`: to plan by (None: the target's). `allow_mismatch`: insist in spite of foreign hashes. `arena`: bytes of DMA
    memory. `contexts`: requests that can be mapped at once. `sq_log2`, `cq_log2`: ring sizes, at most what the rules'
    table_boundary allows (None: 8192 slots, 4096 records, or that). `moderation`: interrupts
    at so many completions, or so many units of 16 cycles after the first. `interrupts`: False polls; None: if it can.
    """
    target = open_target(url)
    try:
        return Dma(target, rules=rules, allow_mismatch=allow_mismatch, arena=arena, contexts=contexts, sq_log2=sq_log2,
                   cq_log2=cq_log2, moderation=moderation, interrupts=interrupts)  # fmt: skip
    except BaseException:
        target.close()
        raise
