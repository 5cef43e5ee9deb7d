"""The modelled device: acceptance of requests, completions, interrupts, and the order of events in time."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt

from sgdma.rules import Direction
from sgdma.spec.build import BuildParameters
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.spec.status import NO_SEGMENT, QueueError, QueueState, Result, Status
from sgdma.targets.model.checker import Request, judge
from sgdma.targets.model.engines import Agent, C2hEngine, Engine, H2cEngine
from sgdma.targets.model.fixture import Fixture
from sgdma.targets.model.memory import HostMemory, ModelFaults
from sgdma.targets.model.queues import CQ_MASK, RECORD, SQ_MASK, QueuePair
from sgdma.targets.model.registers import RegisterFile

__all__ = ["ModelDevice"]

RESET_CYCLES = 64
FETCH_CHUNK = 16


class FrontEnd(Agent):
    """Takes requests off the rings, one queue after the other, a request a turn."""

    def __init__(self, device: ModelDevice) -> None:
        super().__init__()
        self.device, self.last = device, 0

    def step(self) -> bool:
        queues = self.device.queues
        for turn in range(1, len(queues) + 1):
            queue = queues[(self.last + turn) % len(queues)]
            waiting = queue.judged or queue.head != queue.tail
            if waiting and queue.accepting and (queue.judged or self.device.fetch(queue)) and self._accept(queue):
                self.last = queue.number
                return True
        return False

    def _accept(self, queue: QueuePair) -> bool:
        device, request = self.device, queue.judged[0]
        aborting = queue.state is QueueState.ABORTING
        runs = request.status == Status.OK and not aborting
        engine = device.engines[request.opcode] if runs else None
        if engine and not engine.has_room(len(request.addresses)):
            return False
        queue.judged.popleft()
        request.queue = queue.number
        self.time += request.consumed + 1
        queue.owed = queue.owed + 1 & CQ_MASK
        queue.head = queue.head + request.consumed & SQ_MASK
        if engine:
            engine.push(request, self.time + device.faults.latency)
        elif aborting:
            device.complete(request, Status.ABORTED, NO_SEGMENT, 0, 0, self.time)
        else:
            device.complete(request, request.status, request.segment, 0, 0, self.time)
        queue.head = queue.head + request.skip & SQ_MASK
        queue.settle()
        if queue.fetch_failed and not queue.judged:
            device.fail(queue, QueueError.FETCH_BUS)
        return True


class ModelDevice:
    """Everything behind the register interface. ``clock`` is the present in device cycles."""

    def __init__(self, build: BuildParameters, memory: HostMemory, jitter: int, seed: int) -> None:
        self.build, self.rules, self.memory, self.jitter = build, build.rule_set, memory, jitter
        self.faults, self.random, self.crc = ModelFaults(memory), Random(seed), bool(build.crc)
        self.fixture = Fixture(build)
        self.queues = [QueuePair(number) for number in range(build.queues)]
        self.engines: dict[int, Engine] = {
            Direction.H2C: H2cEngine(self, build.list_slots), Direction.C2H: C2hEngine(self, build.list_slots)
        }  # fmt: skip
        self.front = FrontEnd(self)
        self.agents: tuple[Agent, ...] = (self.front, *self.engines.values())
        self.clock, self.reset_until, self.stamped = 0, 0, 0
        self.stray, self.result, self.pending, self.enabled = 0, Result.OK, 0, 0
        self.registers = RegisterFile(self)

    # Time.

    def advance(self, limit: int) -> None:
        """Let everything happen up to and including cycle `limit`."""
        while True:
            agent = None
            for other in self.agents:
                if not other.blocked and other.time <= limit and (agent is None or other.time < agent.time):
                    agent = other
            if agent is None:
                break
            agent.blocked = not agent.step()
        self.clock = max(self.clock, limit)
        for agent in self.agents:
            if agent.blocked:
                agent.time = max(agent.time, self.clock)
        for queue in self.queues:
            self.moderate(queue, self.clock)

    @property
    def quiet(self) -> bool:
        """Whether nothing will happen however much time passes."""
        return all(a.blocked for a in self.agents) and not any(q.since is not None and q.time for q in self.queues)

    def stir(self, time: int) -> None:
        """Something moved that others may wait for."""
        for agent in self.agents:
            if agent.blocked:
                agent.blocked, agent.time = False, max(agent.time, time)

    # What the agents call.

    def aborting(self, queue: int) -> bool:
        """Whether requests of the queue are to be cut short."""
        return self.queues[queue].state is QueueState.ABORTING

    def fetch(self, queue: QueuePair) -> bool:
        """Judge all slots up to the tail; whether there is a request now."""
        count = queue.tail - queue.head & SQ_MASK
        if not count or queue.fetch_failed:
            return False
        places = np.arange(queue.head, queue.head + count) & (1 << queue.sq_log2) - 1
        good = self._readable(queue, places)
        table = self.memory.bytes[queue.sq_base - self.memory.base :][: SLOT_BYTES << queue.sq_log2] if good else None
        if table is not None:
            queue.judged.extend(judge(table.reshape(-1, SLOT_BYTES)[places[:good]], self.rules))
        self._count(-(-good * SLOT_BYTES // self.build.beat_bytes), "r_beats", "r_descriptors")
        self._count(-(-good // FETCH_CHUNK), "ar_count", "ar_descriptors")
        if good < count:
            self._fetch_failed(queue, good)
        return bool(queue.judged)

    def _readable(self, queue: QueuePair, places: npt.NDArray[np.int64]) -> int:
        """Slots that can be fetched before the first chunk that is answered by an error."""
        if not self.memory.fails(queue.sq_base, SLOT_BYTES << queue.sq_log2, write=False):
            return len(places)
        chunks = places // FETCH_CHUNK
        for first in np.flatnonzero(np.diff(chunks, prepend=-1)).tolist():
            size = min(FETCH_CHUNK, 1 << queue.sq_log2) * SLOT_BYTES
            if self.memory.fails(queue.sq_base + int(chunks[first]) * FETCH_CHUNK * SLOT_BYTES, size, write=False):
                return int(first)
        return len(places)

    def _fetch_failed(self, queue: QueuePair, good: int) -> None:
        """Slots from the good-th on are lost; a list cut by that ends in BUS_ERROR at that segment."""
        queue.fetch_failed = True
        if queue.judged and queue.judged[-1].status == Status.TORN_LIST and not queue.judged[-1].skip:
            queue.judged[-1].status = Status.BUS_ERROR
        if not queue.judged:
            self.fail(queue, QueueError.FETCH_BUS)

    def complete(self, request: Request, status: int, segment: int, moved: int, crc: int, time: int) -> None:
        """Write the record of an accepted request into its queue's completion ring."""
        queue = self.queues[request.queue]
        index = queue.written
        # One writer serves all: no two records are made in one cycle, and none before its predecessor.
        time = self.stamped = max(time, self.stamped + 1)
        place = queue.cq_base + (index & (1 << queue.cq_log2) - 1) * COMPLETION_BYTES
        phase = ~(index >> queue.cq_log2) & 1
        if self.memory.fails(place, COMPLETION_BYTES, write=True):
            self.fail(queue, QueueError.CQ_BUS)
        else:
            RECORD.pack_into(
                self.memory.bytes.data, place - self.memory.base, request.tag, index, segment, status, request.opcode,
                moved, crc, time, queue.head, queue.number, phase,
            )  # fmt: skip
        self._count(-(-COMPLETION_BYTES // self.build.beat_bytes), "w_beats", "w_records")
        self._count(1, "aw_count", "aw_records", "b_count", "b_records")
        for name in ("at_record_aw", "at_record_b"):
            self.fixture.stamp(name, time)
        queue.written = index + 1 & CQ_MASK
        queue.settle()
        self.moderate(queue, time)
        if self.front.blocked:
            self.front.blocked, self.front.time = False, max(self.front.time, time)

    def _count(self, amount: int, *names: str) -> None:
        for name in names:
            self.fixture.counters[name] += amount

    def moderate(self, queue: QueuePair, now: int) -> None:
        """Fire the queue's vector if it is due."""
        if queue.due(now):
            self.fixture.stamp("at_vector", now)
            queue.armed, queue.since = False, None
            self.pending |= 1 << queue.number

    def fail(self, queue: QueuePair, error: QueueError) -> None:
        """Put the queue into ERROR."""
        if queue.state is not QueueState.ERROR:
            self.pending |= 1 << len(self.queues)
        queue.state, queue.error = QueueState.ERROR, error

    def reset(self) -> None:
        """Function-level reset."""
        self.queues = [QueuePair(number) for number in range(self.build.queues)]
        for engine in self.engines.values():
            engine.clear()
        self.fixture.empty()
        self.stray, self.result, self.pending = 0, Result.OK, 0
        self.reset_until = self.clock + RESET_CYCLES
