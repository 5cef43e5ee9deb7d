"""sgdma_fetch: every slot of every ring reaches the checker's port, whatever memory does."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from blocks.common import rng, start

QUEUES, LOG2S, SQ = 4, (2, 5, 8, 9), 20
AT_REST = 30
"""Cycles after which a queue must be known to be at rest; a restart may hold an address up."""
BASES = [0x4_0000_0000 + 0x10000 * queue for queue in range(QUEUES)]


def _slot(queue: int, index: int) -> int:
    return (index * 0x9E3779B97F4A7C15 + queue) & (1 << 128) - 1 | index << 100


class Bench:
    """Rings in memory, a memory that answers late, and a reader in place of the checker.

    `used`: queues with traffic. The last one, if it has none, is started again and again.
    """

    def __init__(self, dut: Any, used: int) -> None:
        self.dut, self.random, self.used = dut, rng("fetch"), used
        self.tail, self.head = [0] * QUEUES, [0] * QUEUES
        self.bursts: list[tuple[int, int]] = []
        self.width = len(dut.r_data) // 8
        self.arrived: set[int] = set()
        self.rest = [0] * QUEUES  # cycles in which it was busy without a burst

    def rings(self) -> None:
        """Answer the look-up with the queue's present indices."""
        queue = int(self.dut.base_queue.value)
        self.dut.base_tail.value = self.tail[queue] & (1 << SQ) - 1
        self.dut.base_head.value = self.head[queue] & (1 << SQ) - 1

    async def waiting(self, queue: int) -> bool:
        """Whether a slot of the queue is there to be read."""
        self.dut.read_queue.value = queue
        await Timer(1, "ns")
        bits = len(self.dut.filled)
        return queue in self.arrived and int(self.dut.filled.value) != self.head[queue] & (1 << bits) - 1

    def word(self, address: int) -> int:
        """What memory holds there: the slots written so far, in place modulo the ring's size."""
        value = 0
        for part in range(0, self.width, 8):
            place = address + part
            queue = (place - BASES[0]) // 0x10000
            position, size = (place - BASES[queue]) // 16, 1 << LOG2S[queue]
            lap = (self.tail[queue] - 1 - position) // size
            slot = _slot(queue, position + lap * size) if lap >= 0 else 0
            value |= (slot >> 64 * (place // 8 % 2) & (1 << 64) - 1) << 8 * part
        return value

    async def memory(self) -> None:
        """Take bursts, answer in order with pauses."""
        dut = self.dut
        while True:
            restarts = self.used < QUEUES and self.random.random() < 0.2
            dut.hold.value, dut.restart.value = int(restarts), restarts << QUEUES - 1
            queue = int(dut.base_queue.value)
            dut.base_address.value, dut.base_mask.value = BASES[queue], (1 << LOG2S[queue]) - 1
            self.rings()
            under_way = {(address - BASES[0]) // 0x10000 for address, _ in self.bursts}
            dut.ar_ready.value = int(self.random.random() < 0.6)
            dut.r_valid.value = 0
            if self.bursts and self.random.random() < 0.5:
                address, beats = self.bursts[0]
                dut.r_valid.value, dut.r_data.value = 1, self.word(address)
                dut.r_last.value, dut.r_error.value = int(beats == 1), 0
                self.bursts[0] = (address + self.width, beats - 1)
                if beats == 1:
                    self.bursts.pop(0)
            await RisingEdge(dut.clk)
            if dut.arrival.value:
                self.arrived.add(int(dut.arrival_queue.value))
            self.occupied(under_way)
            if dut.ar_valid.value and dut.ar_ready.value:
                address, beats = int(dut.ar_addr.value), int(dut.ar_len.value) + 1
                assert address % self.width == 0 and beats * self.width <= 256
                assert address // 4096 == (address + beats * self.width - 1) // 4096
                self.bursts.append((address, beats))
            await FallingEdge(dut.clk)

    def occupied(self, under_way: set[int]) -> None:
        """A queue is busy while bursts of it are asked for or under way, and soon no longer."""
        busy = int(self.dut.busy.value)
        if self.dut.ar_valid.value:
            under_way.add((int(self.dut.ar_addr.value) - BASES[0]) // 0x10000)
        for queue in range(QUEUES):
            told = busy >> queue & 1
            assert told or queue not in under_way, f"queue {queue}: a burst is under way, and it is not busy"
            self.rest[queue] = self.rest[queue] + 1 if told and queue not in under_way else 0
            assert self.rest[queue] < AT_REST, f"queue {queue} stays busy, and nothing is under way"

    async def read(self, queue: int) -> int:
        """The slot at the head of a queue."""
        dut = self.dut
        dut.read_enable.value, dut.read_queue.value, dut.read_index.value = 1, queue, self.head[queue] & (1 << SQ) - 1
        for _ in range(2 if self.width > 8 else 1):
            await FallingEdge(dut.clk)
            dut.read_enable.value = 0
        return int(dut.read_slot.value)


@cocotb.test()
async def every_slot_arrives(dut: Any) -> None:
    """Four rings of different sizes, doorbells of random length, a reader at its own pace."""
    await _reads_all(Bench(dut, QUEUES))


@cocotb.test()
async def starting_a_queue_disturbs_no_other(dut: Any) -> None:
    """The same with three, while the fourth is started over."""
    await _reads_all(Bench(dut, QUEUES - 1))


async def _reads_all(bench: Bench) -> None:
    dut = bench.dut
    await start(dut, fetching=0, restart=0, base_tail=0, base_head=0, ar_ready=0, r_valid=0, read_enable=0, base_mask=3,
                doorbell=0, read_queue=0, hold=0)
    for queue in range(QUEUES):
        dut.hold.value, dut.restart.value = 1, 1 << queue
        await FallingEdge(dut.clk)
    dut.hold.value, dut.restart.value, dut.fetching.value = 0, 0, (1 << QUEUES) - 1
    cocotb.start_soon(bench.memory())
    read = [0] * bench.used
    for _ in range(60_000):
        queue = bench.random.randrange(bench.used)
        space = (1 << LOG2S[queue]) - (bench.tail[queue] - bench.head[queue])
        if space and bench.random.random() < 0.2:
            bench.tail[queue] += bench.random.randint(1, space)
        if await bench.waiting(queue):
            slot = await bench.read(queue)
            assert slot == _slot(queue, bench.head[queue]), (queue, bench.head[queue])
            bench.head[queue] += 1
            read[queue] += 1
        else:
            await FallingEdge(dut.clk)
        if min(read) > 200 and sum(read) > 3000:
            return
    raise AssertionError(f"only {read} slots came through")
