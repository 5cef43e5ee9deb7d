"""The host of a core with two queue pairs: queue 0 is always at work, queue 1 is given commands at any moment.

It works at the core's register ports, as fast as a bridge can, and judges what the core does to memory.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from blocks.bus_memory import BusMemory
from blocks.common import rng, start
from sgdma.engine.slots import build_slots
from sgdma.rules import Direction
from sgdma.spec.layout import COMPLETION, HEADER
from sgdma.spec.status import Command, Port, QueueState, Result, Status

__all__ = ["PATIENCE", "SLOTS", "Host", "running"]

PERIOD, SQ_LOG2, CQ_LOG2, SHARE = 8, 8, 5, 0x1000
SLOTS, RECORDS, PATIENCE = 1 << SQ_LOG2, 1 << CQ_LOG2, 4000
PAYLOAD = 0x80000
INPUTS = (
    "ctl_reset", "cfg_queue", "cfg_sq_base", "cfg_cq_base", "cfg_sq_log2", "cfg_cq_log2", "cfg_count", "cfg_time",
    "cmd_valid", "cmd_op", "sq_db_valid", "sq_db_queue", "sq_db_tail", "cq_db_valid", "cq_db_queue", "cq_db_arm",
    "cq_db_head", "m_axi_arready", "m_axi_rvalid", "m_axi_rid", "m_axi_rdata", "m_axi_rresp", "m_axi_rlast",
    "m_axi_wready", "m_axi_bvalid", "m_axi_bid", "m_axi_bresp", "c2h_cmd_ready", "c2h_valid", "c2h_data", "c2h_keep",
    "c2h_last", "c2h_error",
)  # fmt: skip


class Pair:
    """One queue pair as the host knows it. Each life has rings of its own."""

    def __init__(self, number: int) -> None:
        self.number, self.life, self.alive = number, 0, False
        self.head = self.tail = self.rung = self.records = 0
        self.sent: list[int] = []  # tags not yet answered

    @property
    def rings(self) -> tuple[range, range]:
        """Addresses of submission and completion ring."""
        base = 0x20000 * (self.number + 1) + SHARE * (self.life % 8)
        return range(base, base + 16 * SLOTS), range(base + 0x10000, base + 0x10000 + 32 * RECORDS)

    def begin(self) -> None:
        """A new life."""
        self.life, self.alive = self.life + 1, True
        self.head = self.tail = self.rung = self.records = 0
        self.sent.clear()


class Host:
    """Gives commands and rings doorbells `pace` cycles apart, as fast as a bridge can."""

    def __init__(self, dut: Any, cq_log2: int = CQ_LOG2) -> None:
        self.dut, self.random, self.pairs, self.cq_log2 = dut, rng("lives"), (Pair(0), Pair(1)), cq_log2
        self.memory = BusMemory(dut, self.random, 1 << 20, self.fetched, self.recorded)
        self.pace, self.tag, self.selected = 2, 0, 0
        self.whole = False  # every request has to be carried out

    def owner(self, address: int) -> Pair:
        """The pair whose rings, of any life, lie there."""
        return self.pairs[address // 0x20000 - 1]

    def fetched(self, address: int) -> None:
        """Descriptors are asked for."""
        pair = self.owner(address)
        assert pair.alive, f"descriptors of queue {pair.number} are fetched after its release"
        assert address in pair.rings[0], f"descriptors of a former life of queue {pair.number} are fetched"

    def recorded(self, address: int, data: bytes) -> None:
        """A completion record is written."""
        pair, record = self.owner(address), np.frombuffer(data, COMPLETION, 1)[0]
        tag = int(record["tag"])
        assert pair.alive, f"a record of queue {pair.number} is written after its release"
        assert address in pair.rings[1], f"a record is written to a former ring of queue {pair.number}"
        assert tag in pair.sent, f"queue {pair.number}: a record of request {tag}, which is not under way"
        assert not self.whole or record["status"] == Status.OK, f"request {tag} ends with {record}"
        pair.sent.remove(tag)
        pair.records += 1

    async def wait(self, cycles: int) -> None:
        """So many cycles."""
        if cycles > 0:
            await Timer(cycles * PERIOD, "ns")

    async def strobe(self, name: str) -> None:
        """One register write."""
        getattr(self.dut, name).value = 1
        await self.wait(1)
        getattr(self.dut, name).value = 0
        await self.wait(self.pace - 1)

    async def command(self, command: Command, queue: int = 1) -> Result:
        """Give it, and read its result."""
        if self.selected != queue:
            await self.select(queue)
        self.dut.cmd_op.value = command
        await self.strobe("cmd_valid")
        return Result(int(self.dut.cmd_result.value))

    async def select(self, queue: int) -> None:
        """The queue that commands and registers are about."""
        self.dut.cfg_queue.value = self.selected = queue
        await self.wait(self.pace)

    async def look(self, queue: int = 1) -> QueueState:
        """Its state; what it has consumed is noted."""
        await self.select(queue)
        await self.wait(2)
        self.pairs[queue].head = int(self.dut.q_sq_head.value)
        return QueueState(int(self.dut.q_state.value))

    async def start(self, queue: int) -> None:
        """A new life."""
        pair, dut = self.pairs[queue], self.dut
        pair.begin()
        dut.cfg_sq_base.value, dut.cfg_cq_base.value = (ring.start for ring in pair.rings)
        dut.cfg_sq_log2.value, dut.cfg_cq_log2.value = SQ_LOG2, self.cq_log2
        await self.select(queue)
        assert await self.command(Command.START, queue) == Result.OK
        state = await self.look(queue)
        assert state == QueueState.RUNNING and pair.head == 0, "a new life that does not begin at the beginning"

    async def release(self) -> None:
        """As soon as it is granted."""
        for _ in range(PATIENCE):
            if await self.command(Command.RELEASE) == Result.OK:
                self.pairs[1].alive = False
                await self.wait(self.random.choice((0, 0, 3, 40, 400)))
                return
        raise AssertionError("RELEASE is never granted")

    async def take(self, queue: int, beyond: int = 0) -> None:
        """Tell the device which records were read."""
        dut = self.dut
        dut.cq_db_queue.value, dut.cq_db_head.value = queue, self.pairs[queue].records + beyond & 0xFFFF
        await self.strobe("cq_db_valid")

    async def feed(self, queue: int) -> None:
        """A few requests, some of queue 1's refused for their header, and the doorbell."""
        pair = self.pairs[queue]
        for _ in range(self.random.randint(1, 4)):
            refused = queue == 1 and self.random.random() < 0.25
            count = self.random.randint(1, 250 if refused else 4)
            if pair.tail + count + 1 - pair.head <= SLOTS and len(pair.sent) < 24:
                self.submit(pair, count, refused)
        await self.ring(pair)

    async def ring(self, pair: Pair) -> None:
        """The doorbell, if there is something new."""
        if pair.rung != pair.tail:
            pair.rung = pair.tail
            self.dut.sq_db_queue.value, self.dut.sq_db_tail.value = pair.number, pair.tail
            await self.strobe("sq_db_valid")

    def submit(self, pair: Pair, count: int, refused: bool = False) -> None:
        """A request of so many segments of 64 B into the ring."""
        self.tag = self.tag % 0xFFFF + 1
        slots = build_slots(
            Direction.H2C, Port.PATTERN, np.zeros(1, np.uint64), 64 * count, np.array([self.tag], np.uint16),
            PAYLOAD + 64 * np.arange(count, dtype=np.uint64), np.full(count, 64, np.uint32), np.array([0, count]),
        )  # fmt: skip
        if refused:
            slots.view(HEADER)["segment_count"][0] = 0xFFFF
        for slot in slots:
            place = pair.rings[0].start + 16 * (pair.tail % SLOTS)
            self.memory.bytes[place : place + 16] = slot.tobytes()
            pair.tail += 1
        pair.sent.append(self.tag)

    async def serve(self) -> None:
        """Queue 0 goes on, and so does queue 1 if it can."""
        await self.look(0)
        await self.take(0)
        await self.feed(0)
        await self.take(1)

    async def until(self, *states: QueueState) -> QueueState:
        """Serve both until queue 1 is in one of these states."""
        for _ in range(PATIENCE):
            if (state := await self.look()) in states:
                return state
            await self.serve()
        raise AssertionError(f"{state.name} for ever")

    # What may befall queue 1; behind each it runs.

    async def stopped(self, command: Command) -> None:
        """STOP or ABORT, a queue that stands still, and on with it or with the next life."""
        assert await self.command(command) == Result.OK
        await self.until(QueueState.STOPPED)
        assert int(self.dut.q_in_flight.value) == 0, "STOPPED, and a completion is owed"
        await self.wait(2)
        await self.look()
        head = self.pairs[1].head
        await self.wait(self.random.choice((0, 0, 50, 300)))
        await self.look()
        assert self.pairs[1].head == head, "STOPPED, and slots are consumed"
        if self.random.random() < 0.5:
            assert await self.command(Command.RESUME) == Result.OK
        else:
            await self.release()
            await self.start(1)

    async def misrung(self) -> None:
        """A doorbell beyond what was completed, and the release as soon as can be."""
        await self.feed(1)
        await self.wait(self.random.randint(0, 40))
        await self.select(1)
        await self.take(1, beyond=100)
        await self.wait(self.random.choice((0, 0, 1, 2, 3, 30)))
        await self.release()
        await self.start(1)

    async def broken(self) -> None:
        """Memory fails under one of its rings, perhaps together with a command."""
        pair = self.pairs[1]
        self.memory.failing = self.random.choice(pair.rings)
        await self.feed(1)
        await self.wait(self.random.randint(0, 80))
        command = self.random.choice((None, Command.STOP, Command.ABORT))
        if command:
            await self.command(command)
        for _ in range(60):
            await self.serve()
        self.memory.failing = range(0)
        for _ in range(self.memory.latency):  # what failed is told by then
            await self.serve()
        state = await self.until(QueueState.ERROR, QueueState.STOPPED, QueueState.RUNNING)
        if state == QueueState.ERROR:
            await self.release()
            await self.start(1)
        elif state == QueueState.STOPPED:
            assert await self.command(Command.RESUME) == Result.OK

    async def answered(self, pair: Pair, open_ones: int) -> None:
        """So many of its requests are without an answer, and no doorbell is rung meanwhile."""
        for _ in range(PATIENCE):
            if len(pair.sent) == open_ones:
                return
            await self.wait(1)
        raise AssertionError(f"never answered: requests {pair.sent}")

    async def settle(self) -> None:
        """All that queue 1 was sent is answered."""
        assert await self.look() == QueueState.RUNNING
        for _ in range(PATIENCE):
            if not self.pairs[1].sent:
                return
            await self.serve()
        raise AssertionError(f"never answered: requests {self.pairs[1].sent}")


async def running(dut: Any, cq_log2: int = CQ_LOG2) -> Host:
    """Both queues run."""
    host = Host(dut, cq_log2)
    await start(dut, **dict.fromkeys(INPUTS, 0), m_axi_awready=1, h2c_cmd_ready=1, h2c_ready=1)
    cocotb.start_soon(host.memory.run())
    await host.wait(4)
    for queue in (0, 1):
        await host.start(queue)
    return host
