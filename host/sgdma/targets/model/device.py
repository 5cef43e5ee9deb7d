"""The modelled device: registers, acceptance of requests, completions, interrupts, and the order of events in time."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt

from sgdma.rules import Direction
from sgdma.spec.build import BuildParameters
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.spec.registers import DEVICE, FIXTURE, MAGIC, VERSION, Bank, map_hash
from sgdma.spec.status import NO_SEGMENT, Command, QueueError, QueueState, Result, Status
from sgdma.targets.model.checker import Request, judge
from sgdma.targets.model.engines import Agent, C2hEngine, Engine, H2cEngine
from sgdma.targets.model.fixture import Fixture
from sgdma.targets.model.memory import HostMemory, ModelFaults
from sgdma.targets.model.queues import CQ_MASK, RECORD, SQ_MASK, QueuePair, check_rings

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
        self.clock, self._reset_until, self._time_hi = 0, 0, 0
        self._stray, self._result, self.pending, self.enabled = 0, Result.OK, 0, 0
        self._storage = dict.fromkeys((r.name for r in DEVICE.registers if r.access == "rw"), 0)
        self._names: dict[int, tuple[Bank, str]] = {
            bank.address(register.name): (bank, register.name)
            for bank in (DEVICE, FIXTURE) for register in bank.registers
        }
        self._constants = self._identity()

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
            self._moderate(queue, self.clock)

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
        self.fixture.counters["r_beats"] += good * SLOT_BYTES // self.build.beat_bytes
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
        place = queue.cq_base + (index & (1 << queue.cq_log2) - 1) * COMPLETION_BYTES
        phase = ~(index >> queue.cq_log2) & 1
        if self.memory.fails(place, COMPLETION_BYTES, write=True):
            self.fail(queue, QueueError.CQ_BUS)
        else:
            RECORD.pack_into(
                self.memory.bytes.data, place - self.memory.base, request.tag, index, segment, status, request.opcode,
                moved, crc, time, queue.head, queue.number, phase,
            )  # fmt: skip
        self.fixture.counters["w_beats"] += -(-COMPLETION_BYTES // self.build.beat_bytes)
        queue.written = index + 1 & CQ_MASK
        queue.settle()
        self._moderate(queue, time)
        if self.front.blocked:
            self.front.blocked, self.front.time = False, max(self.front.time, time)

    def _moderate(self, queue: QueuePair, now: int) -> None:
        if queue.due(now):
            queue.armed, queue.since = False, None
            self.pending |= 1 << queue.number

    def fail(self, queue: QueuePair, error: QueueError) -> None:
        """Put the queue into ERROR."""
        if queue.state is not QueueState.ERROR:
            self.pending |= 1 << len(self.queues)
        queue.state, queue.error = QueueState.ERROR, error

    # Registers.

    def read(self, address: int) -> int:
        """A register; unknown addresses read zero."""
        bank, name = self._names.get(address, (DEVICE, ""))
        if bank is FIXTURE:
            return self._read_fixture(name)
        if name in self._storage:
            return self._storage[name]
        if name in self._constants:
            return self._constants[name]
        reader = getattr(self, f"_read_{name}", None)
        return int(reader()) if reader else 0

    def write(self, address: int, value: int) -> None:
        """A register; unknown addresses and read-only registers ignore it."""
        bank, name = self._names.get(address, (DEVICE, ""))
        writer = getattr(self, f"_write_{bank.name}_{name}", None)
        if writer:
            writer(value)
        elif bank is DEVICE and name in self._storage:
            fields = DEVICE.register(name).fields
            self._storage[name] = value & (sum(bits.mask for bits in fields) if fields else 0xFFFFFFFF)
        self.stir(self.clock)

    def _identity(self) -> dict[str, int]:
        build, content = self.build, self.build.content_hash()
        geometry = build.geometry()
        return {
            "magic": MAGIC, "version": VERSION, "map_hash": map_hash(), "rules_hash": build.rules_hash(),
            **{f"hash{i}": content >> 32 * i & 0xFFFFFFFF for i in range(4)}, "clock_hz": build.clock_hz,
            "geometry": sum(geometry[bits.name] << bits.offset for bits in DEVICE.register("geometry").fields),
            "limits": build.list_slots | build.prefetch_slots << 16,
        }  # fmt: skip

    def _selected(self) -> QueuePair | None:
        number = self._storage["queue_select"]
        return self.queues[number] if number < len(self.queues) else None

    def _read_status(self) -> int:
        idle = not any(engine.requests for engine in self.engines.values())
        return int(self.clock < self._reset_until) | idle << 1 | self._stray << 2

    def _read_time_lo(self) -> int:
        self._time_hi = self.clock >> 32 & 0xFFFFFFFF
        return self.clock & 0xFFFFFFFF

    def _read_time_hi(self) -> int:
        return self._time_hi

    def _read_queue_result(self) -> int:
        return int(self._result)

    def _read_queue_state(self) -> int:
        queue = self._selected()
        return queue.state | queue.error << 4 | queue.in_flight << 16 if queue else 0

    def _read_queue_sq_head(self) -> int:
        queue = self._selected()
        return queue.head if queue else 0

    def _read_queue_cq_tail(self) -> int:
        queue = self._selected()
        return queue.written if queue else 0

    def _read_ev_pending(self) -> int:
        return self.pending

    def _read_ev_enable(self) -> int:
        return self.enabled

    def _write_sgdma_ev_pending(self, value: int) -> None:
        self.pending &= ~value

    def _write_sgdma_ev_enable(self, value: int) -> None:
        self.enabled = value & (1 << len(self.queues) + 1) - 1

    def _write_sgdma_control(self, value: int) -> None:
        if value & 1:
            self.reset()

    def _write_sgdma_queue_command(self, value: int) -> None:
        queue, op = self._selected(), value & 7
        if queue is None:
            self._result = Result.BAD_QUEUE
        elif op == Command.START:
            self._result = self._start(queue)
        else:
            self._result = queue.command(op)
            queue.settle()

    def _start(self, queue: QueuePair) -> Result:
        if queue.state is not QueueState.IDLE:
            return Result.BAD_STATE
        stored = self._storage
        sq_base = stored["queue_sq_base_lo"] | stored["queue_sq_base_hi"] << 32
        cq_base = stored["queue_cq_base_lo"] | stored["queue_cq_base_hi"] << 32
        sizes = DEVICE.register("queue_size").unpack(stored["queue_size"])
        result = check_rings(self.rules, sq_base, sizes["sq_log2"], cq_base, sizes["cq_log2"])
        if result is Result.OK:
            moderation = DEVICE.register("queue_moderation").unpack(stored["queue_moderation"])
            self.queues[queue.number] = QueuePair(
                queue.number, QueueState.RUNNING, sq_base=sq_base, cq_base=cq_base, sq_log2=sizes["sq_log2"],
                cq_log2=sizes["cq_log2"], count=moderation["count"], time=moderation["time"],
            )
        return result

    def _write_sgdma_sq_doorbell(self, value: int) -> None:
        queue = self._doorbell(value)
        if queue and not queue.ring_sq(value & SQ_MASK):
            self.fail(queue, QueueError.SQ_DOORBELL)

    def _write_sgdma_cq_doorbell(self, value: int) -> None:
        queue = self._doorbell(value)
        if not queue:
            return
        if not queue.ring_cq(value & CQ_MASK):
            self.fail(queue, QueueError.CQ_DOORBELL)
            return
        if value >> 23 & 1:
            queue.armed, queue.since = True, None
        self._moderate(queue, self.clock)

    def _doorbell(self, value: int) -> QueuePair | None:
        """The queue that a doorbell means, None when it is to be ignored."""
        number = value >> 24
        if number >= len(self.queues) or self.queues[number].state is QueueState.IDLE:
            self._stray = 1
            return None
        return None if self.queues[number].state is QueueState.ERROR else self.queues[number]

    def reset(self) -> None:
        """Function-level reset."""
        self.queues = [QueuePair(number) for number in range(self.build.queues)]
        for engine in self.engines.values():
            engine.clear()
        self.fixture.empty()
        self._stray, self._result, self.pending = 0, Result.OK, 0
        self._reset_until = self.clock + RESET_CYCLES

    # The fixture's bank.

    def _read_fixture(self, name: str) -> int:
        values = {"control": self.fixture.control, "seed": self.fixture.seed, "memory_bytes": len(self.fixture.memory),
                  "loopback_bytes": self.fixture.loopback_bytes}  # fmt: skip
        return values[name] if name in values else self.fixture.shown.get(name, 0) & 0xFFFFFFFF

    def _write_fixture_control(self, value: int) -> None:
        self.fixture.set_control(value)

    def _write_fixture_seed(self, value: int) -> None:
        self.fixture.seed = value

    def _write_fixture_command(self, value: int) -> None:
        if value & 1:
            self.fixture.reset(self.clock)
        if value & 2:
            self.fixture.snapshot(self.clock)
