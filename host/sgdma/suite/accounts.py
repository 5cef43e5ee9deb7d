"""Bookkeeping of requests, independent of the driver's: who was promised a completion, and who got how many.

:class:`Book` counts by what the caller calls a request; :class:`Ledger` watches slots and records on the rings. And
:class:`NaiveMapper` is what they must catch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

import numpy as np
import numpy.typing as npt

from sgdma.engine.device import Dma
from sgdma.engine.observe import Observer
from sgdma.engine.slots import build_slots
from sgdma.engine.transfer import Transfer
from sgdma.rules import Direction
from sgdma.spec.layout import HEADER
from sgdma.spec.status import Port, SlotKind

__all__ = ["Book", "Ledger", "NaiveMapper"]

U8 = npt.NDArray[np.uint8]


class Book:
    """Requests by name: each that is expected must be completed exactly once."""

    def __init__(self) -> None:
        self.expected: set[Hashable] = set()
        self.done: Counter[Hashable] = Counter()

    def expect(self, name: Hashable) -> None:
        """A request is on its way; a name is good once."""
        assert name not in self.expected, f"request {name} is named twice"
        self.expected.add(name)

    def completed(self, name: Hashable) -> None:
        """A completion was delivered for it."""
        self.done[name] += 1

    def entry(self, name: Hashable) -> Callable[[Transfer], None]:
        """Expect it, and a callback that notes its completion."""
        self.expect(name)
        return lambda transfer: self.completed(name)

    @property
    def lost(self) -> set[Hashable]:
        """Expected, and never completed."""
        return self.expected - set(self.done)

    @property
    def doubled(self) -> set[Hashable]:
        """Completed more than once."""
        return {name for name, count in self.done.items() if count > 1}

    @property
    def foreign(self) -> set[Hashable]:
        """Completed and never expected."""
        return set(self.done) - self.expected

    def balance(self) -> None:
        """Raise AssertionError unless everybody got exactly one."""
        __tracebackhide__ = True
        if self.lost or self.doubled or self.foreign:
            raise AssertionError(f"of {len(self.expected)} requests {len(self.lost)} were lost {_few(self.lost)}, "
                                 f"{len(self.doubled)} completed more than once {_few(self.doubled)}, "
                                 f"{len(self.foreign)} never sent {_few(self.foreign)}")  # fmt: skip


def _few(names: set[Hashable]) -> str:
    return str(sorted(names, key=str)[:4])


class Ledger(Observer):
    """Watches the rings: every header that went in comes out as one record, and the records are in order.

    Checks by itself, beside the driver: tags in use, sequence numbers, queue numbers, time stamps, consumed slots.
    """

    def __init__(self, dma: Dma) -> None:
        self.queues = len(dma.queues)
        self.open: dict[int, int] = {}  # tag: queue
        self.complaints: list[str] = []
        self.sent, self.done, self.most = 0, 0, 0
        self._next, self._stamp, self._head = [0] * self.queues, [0] * self.queues, [0] * self.queues
        dma.observers.append(self)

    def submitted(self, queue: int, batch: int, first: int, slots: U8) -> None:
        headers = slots.view(HEADER)[:, 0]
        for tag in headers["tag"][headers["kind_opcode"] >> 4 == SlotKind.HEADER].tolist():
            if tag in self.open:
                owner = self.open[tag]
                self.complaints.append(f"tag {tag} was used again on queue {queue} before queue {owner} completed it")
            self.open[tag] = queue
            self.sent += 1
        self.most = max(self.most, len(self.open))

    def completed(self, queue: int, records: npt.NDArray[np.void], time: int) -> None:
        for record in records:
            self._record(queue, record)

    def _record(self, queue: int, record: np.void) -> None:
        tag, number = int(record["tag"]), int(record["sequence_number"])
        place = f"queue {queue}, completion {number}, tag {tag}"
        if self.open.pop(tag, None) != queue:
            self.complaints.append(f"{place}: no such request is under way there")
        if number != self._next[queue]:
            self.complaints.append(f"{place}: number {self._next[queue]} was due")
        if int(record["queue"]) != queue:
            self.complaints.append(f"{place}: says that it is of queue {int(record['queue'])}")
        if int(record["timestamp"]) < self._stamp[queue]:
            self.complaints.append(f"{place}: its time {int(record['timestamp'])} is before its predecessor's")
        if (int(record["sq_head"]) - self._head[queue] & 0xFFFFF) >> 19:
            self.complaints.append(f"{place}: sq_head {int(record['sq_head'])} went back")
        self._next[queue] = number + 1 & 0xFFFF
        self._stamp[queue], self._head[queue] = int(record["timestamp"]), int(record["sq_head"])
        self.done += 1

    def restarted(self, queue: int) -> None:
        """That queue pair was started afresh: its counts begin anew."""
        self._next[queue], self._head[queue] = 0, 0
        self.open = {tag: owner for tag, owner in self.open.items() if owner != queue}

    def balance(self) -> None:
        """Raise AssertionError unless all that went in came out once, in order."""
        __tracebackhide__ = True
        if self.open:
            self.complaints.append(f"{len(self.open)} requests were never completed, such as tag {min(self.open)}")
        if self.complaints:
            raise AssertionError(f"{len(self.complaints)} complaints; the first: {self.complaints[0]}")


class NaiveMapper:
    """How not to do it: one context for all requests of a device, as AllocateAdapterChannel gives one a device object.

    Each new request is written over the one before, without waiting for it, and whoever is in the context when a
    completion arrives is told that he is done.
    """

    TAG = 0

    def __init__(self, dma: Dma, queue: int = 0) -> None:
        self.dma, self.queue = dma, dma.queue(queue)
        self.current: Callable[[], None] | None = None

    def map(self, data: tuple[int, int], card: int, done: Callable[[], None]) -> None:
        """Map a write of one segment (address, bytes) and take over the context."""
        self.current = done
        address, length = data
        slots = build_slots(
            Direction.H2C, Port.MEMORY, np.array([card], np.uint64), [length], np.array([self.TAG], np.uint16),
            np.array([address], np.uint64), self.dma.rules.encode_length([length]), np.array([0, 1]),
        )  # fmt: skip
        self.queue.sq.write(slots)

    def ring(self) -> None:
        """Tell the device of everything."""
        self.dma.registers.write("sq_doorbell", tail=self.queue.sq.tail, queue=self.queue.number)

    def run(self, completions: int, timeout: int) -> None:
        """Serve so many completions, or what comes before `timeout` cycles have passed."""
        served = 0

        def serve() -> bool:
            nonlocal served
            written = None if self.dma.arena.direct else self.queue.device_written()
            for _ in self.queue.cq.take(written):
                if self.current is not None:
                    self.current()
                served += 1
            self.dma.registers.write("cq_doorbell", head=self.queue.cq.head, queue=self.queue.number)
            return served >= completions

        self.dma.target.poll_until(serve, timeout)
