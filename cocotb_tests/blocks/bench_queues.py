"""sgdma_queues: a queue owes completions while it does, and what the host has not read is told after every event."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import rng, start

QUEUES, CQ_LOG2 = 4, 6
START, STOP, ABORT, RELEASE, ERROR = 1, 2, 4, 5, 5
INPUTS = (
    "cfg_queue", "cmd_valid", "cmd_op", "sq_db_valid", "sq_db_queue", "sq_db_tail", "cq_db_valid", "cq_db_queue",
    "cq_db_head", "cq_db_arm", "fetch_queue", "fetch_busy", "fetch_error", "fetch_error_queue", "check_queue",
    "pick_queue", "consume", "accept", "place_queue", "issue_queue", "issue_index", "issue", "written",
    "written_error", "written_queue",
)  # fmt: skip
LATE = 3
"""Cycles after which a queue must be known to owe nothing."""


class Bench:
    """Requests accepted, records sent and answered, doorbells; and what the module makes of them."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.random = dut, rng("queues")
        self.accepted, self.issued, self.written, self.head = ([0] * QUEUES for _ in range(4))
        self.rest = [LATE] * QUEUES  # cycles since it owed something
        self.shown: list[int | None] = [None] * QUEUES
        self.asked, self.armed = [0] * QUEUES, [0] * QUEUES
        self.rung = self.told = -1

    async def cycle(self, busy: float, queues: int) -> None:
        """One cycle of events with that probability each, in the first few queues, and a look at its end."""
        dut, random = self.dut, self.random

        def some(condition: list[bool]) -> int:
            able = [q for q in range(queues) if condition[q]]
            return random.choice(able) if able and random.random() < busy else -1

        every = range(QUEUES)
        taken = some([self.accepted[q] - self.head[q] < 1 << CQ_LOG2 for q in every])
        sent = some([self.issued[q] < self.accepted[q] for q in every])
        answered = some([self.written[q] < self.issued[q] for q in every])
        rung = some([self.rung < 0 and random.random() < 0.3 for _ in every])
        dut.accept.value, dut.check_queue.value = int(taken >= 0), max(taken, 0)
        dut.issue.value, dut.issue_queue.value = int(sent >= 0), max(sent, 0)
        dut.issue_index.value = self.issued[sent] & 0xFFFF
        dut.written.value, dut.written_queue.value = int(answered >= 0), max(answered, 0)
        dut.cq_db_valid.value = int(rung >= 0)
        if rung >= 0:
            arm = random.getrandbits(1)
            self.head[rung] = random.randint(self.head[rung], self.issued[rung])
            self.asked[rung] += arm
            dut.cq_db_queue.value, dut.cq_db_head.value, dut.cq_db_arm.value = rung, self.head[rung] & 0xFFFF, arm
        self.rung = rung
        await RisingEdge(dut.clk)
        self.look()
        for counts, queue in ((self.accepted, taken), (self.issued, sent), (self.written, answered)):
            if queue >= 0:
                counts[queue] += 1
        await FallingEdge(dut.clk)

    def look(self) -> None:
        """What registers say of everything before this cycle."""
        dut = self.dut
        owing, arm = int(dut.busy.value), int(dut.arm.value)
        queue = int(dut.unread_queue.value)
        assert self.told in (-1, queue), "armed, but another queue's number is told"
        self.told = arm.bit_length() - 1
        self.shown[queue] = int(dut.unread.value)
        for q in range(QUEUES):
            self.armed[q] += arm >> q & 1
            self.rest[q] = 0 if self.accepted[q] > self.written[q] else self.rest[q] + 1
            assert self.rest[q] or owing >> q & 1, f"queue {q} owes a completion, and is taken for idle"
            assert self.rest[q] < LATE or not owing >> q & 1, f"queue {q} owes none, and is taken for busy"

    def settled(self) -> None:
        """Nothing has happened for a while: all is told."""
        for q in range(QUEUES):
            if self.written[q] or self.head[q]:
                assert self.shown[q] == (self.written[q] - self.head[q] - 1) & 0xFFFF, q
            assert min(self.asked[q], 1) <= self.armed[q] <= self.asked[q], "arming lost, or made twice"
        self.asked, self.armed = [0] * QUEUES, [0] * QUEUES


@cocotb.test()
async def what_is_owed_and_unread_is_known(dut: Any) -> None:
    """Records answered, requests accepted and doorbells rung in the same cycles, of the same queues and of others."""
    bench = Bench(dut)
    rings = {"cfg_sq_base": 0x1000, "cfg_cq_base": 0x2000, "cfg_sq_log2": 4, "cfg_cq_log2": CQ_LOG2}
    await start(dut, **rings, **dict.fromkeys(INPUTS, 0))
    for queue in range(QUEUES):
        dut.cfg_queue.value = queue
        await FallingEdge(dut.clk)
        await FallingEdge(dut.clk)
        dut.cmd_valid.value, dut.cmd_op.value = 1, START
        await FallingEdge(dut.clk)
        dut.cmd_valid.value = 0
        await FallingEdge(dut.clk)
    for _ in range(150):
        busy, queues = bench.random.choice((0.2, 0.6, 0.9)), bench.random.randint(1, QUEUES)
        for _ in range(bench.random.randint(1, 60)):
            await bench.cycle(busy, queues)
        for _ in range(2 * QUEUES):
            await bench.cycle(0, queues)
        bench.settled()


@cocotb.test()
async def a_doorbell_that_is_ignored_or_refused_does_not_arm(dut: Any) -> None:
    """A completion is unread: of a queue that was released, and of one that a doorbell has put into ERROR."""
    rings = {"cfg_sq_base": 0x1000, "cfg_cq_base": 0x2000, "cfg_sq_log2": 4, "cfg_cq_log2": CQ_LOG2}
    await start(dut, **rings, **dict.fromkeys(INPUTS, 0))

    async def pulse(name: str, cycles: int = 6) -> int:
        armed, signal = 0, getattr(dut, name)
        signal.value = 1
        for _ in range(cycles):
            await FallingEdge(dut.clk)
            signal.value = 0
            armed += int(dut.arm.value != 0)
        return armed

    async def command(op: int) -> None:
        dut.cmd_op.value = op
        await pulse("cmd_valid")
        assert int(dut.cmd_result.value) == 0

    for queue, released in ((1, True), (2, False)):
        dut.cfg_queue.value = dut.check_queue.value = dut.issue_queue.value = dut.written_queue.value = queue
        await FallingEdge(dut.clk)
        await command(START)
        dut.issue_index.value = 0
        for event in ("accept", "issue", "written"):
            await pulse(event)
        dut.cq_db_queue.value, dut.cq_db_head.value, dut.cq_db_arm.value = queue, 0, 1
        assert await pulse("cq_db_valid", 12) == 1
        if released:
            await command(STOP)
            await command(RELEASE)
        else:
            dut.cq_db_head.value = 100
            assert await pulse("cq_db_valid", 12) == 0, "refused, and armed"
            dut.cq_db_head.value = 0
        assert await pulse("cq_db_valid", 12) == 0, "ignored, and armed"
        assert int(dut.stray.value) == 1


@cocotb.test()
async def an_error_is_stronger_than_a_command(dut: Any) -> None:
    """Of a fetch or a record, in each cycle about that in which the command is judged: the queue ends in ERROR."""
    rings = {"cfg_sq_base": 0x1000, "cfg_cq_base": 0x2000, "cfg_sq_log2": 4, "cfg_cq_log2": CQ_LOG2}
    await start(dut, **rings, **dict.fromkeys(INPUTS, 0))
    for command in (STOP, ABORT):
        for error in ("fetch_error", "written"):
            for offset in range(-4, 5):
                for cycle in range(-2, 30):
                    dut.rst.value = int(cycle < 0)
                    dut.cmd_valid.value, dut.cmd_op.value = int(cycle in (2, 16)), command if cycle > 10 else START
                    dut.accept.value, dut.issue.value = int(cycle == 6), int(cycle == 8)
                    dut.fetch_error.value = int(error == "fetch_error" and cycle == 16 + offset)
                    dut.written.value = dut.written_error.value = int(error == "written" and cycle == 16 + offset)
                    await FallingEdge(dut.clk)
                assert int(dut.q_state.value) == ERROR, f"{error} {offset} cycles behind command {command}"
