"""sgdma_irq: moderation by count and by time, firing once, and a re-arming that loses nothing."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import rng, start

QUEUES = 4


class Bench:
    """Ring indices of every queue, and what fired."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.unread = [0] * QUEUES
        self.armed = 0
        self.shown = [-1] * QUEUES
        self.fired = [0] * QUEUES

    async def watch(self) -> None:
        """Count what fires."""
        while True:
            await RisingEdge(self.dut.clk)
            for queue in range(QUEUES):
                self.fired[queue] += int(self.dut.fire.value) >> queue & 1

    async def step(self, cycles: int = 1, arm: int = 0) -> None:
        """Let cycles pass with the present indices, told of one queue at a time; `arm` (a queue's bit) pulses first."""
        self.dut.arm.value = arm
        for _ in range(cycles):
            self._show()
            await FallingEdge(self.dut.clk)
            self.armed = arm
            self.dut.arm.value = arm = 0

    def _show(self) -> None:
        queue = next((q for q in range(QUEUES) if self.unread[q] != self.shown[q]), 0)
        if self.armed:
            queue = self.armed.bit_length() - 1
        self.shown[queue] = self.unread[queue]
        self.dut.unread.value, self.dut.unread_queue.value = (self.unread[queue] - 1) & 0xFFFF, queue


async def _bench(dut: Any, count: int, time: int) -> Bench:
    bench = Bench(dut)
    await start(dut, start=0, start_queue=0, arm=0, unread=0xFFFF, unread_queue=0, cfg_count=count, cfg_time=time)
    dut.start.value = 1
    for queue in range(QUEUES):
        dut.start_queue.value = queue
        await FallingEdge(dut.clk)
    dut.start.value = 0
    cocotb.start_soon(bench.watch())
    await bench.step(4)
    return bench


@cocotb.test()
async def fires_once_at_the_count(dut: Any) -> None:
    """Not before `count` completions, once when there, and only for its own queue."""
    bench = await _bench(dut, count=4, time=0)
    await bench.step(1, arm=0b0010)
    for unread in range(1, 4):
        bench.unread[1] = unread
        await bench.step(50)
        assert bench.fired == [0, 0, 0, 0], unread
    bench.unread[1] = 4
    await bench.step(50)
    assert bench.fired == [0, 1, 0, 0]
    bench.unread[1] = 9
    await bench.step(50)
    assert bench.fired == [0, 1, 0, 0], "disarmed, yet it fired"


@cocotb.test()
async def fires_after_the_time(dut: Any) -> None:
    """One completion waits for `time` units of 16 cycles, within one unit."""
    bench = await _bench(dut, count=100, time=5)
    await bench.step(1, arm=1)
    await bench.step(300)
    assert bench.fired[0] == 0, "nothing to report, yet it fired"
    bench.unread[0] = 1
    await bench.step(4 * 16)
    assert bench.fired[0] == 0
    await bench.step(2 * 16 + 8)
    assert bench.fired[0] == 1


@cocotb.test()
async def rearming_loses_nothing(dut: Any) -> None:
    """Whatever the order of completion and arming, what is unread at last has fired."""
    random = rng("irq")
    bench = await _bench(dut, count=0, time=0)
    for _ in range(300):
        queue = random.randrange(QUEUES)
        before = bench.fired[queue]
        bench.unread[queue] = 0
        await bench.step(random.randrange(3))
        first, second = random.sample(("arm", "complete"), 2)
        for act in (first, second):
            if act == "complete":
                bench.unread[queue] = random.randint(1, 5)
                await bench.step(random.randrange(3))
            else:
                await bench.step(1, arm=1 << queue)
                await bench.step(random.randrange(3))
        await bench.step(12)
        assert bench.fired[queue] == before + 1
