"""sgdma_core: a queue pair is started, stopped, aborted, meets errors, is released at any moment, beside one at work.

What counts: no descriptor is fetched from a ring that was released, no record is written to one, every request of a
queue that runs on is answered once, a queue that is stopped stands still, and one that was started begins anew.
"""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb

from blocks.lives import PATIENCE, SLOTS, running
from sgdma.spec.status import Command

LISTS = json.loads(os.environ["SGDMA_PARAMETERS"]).get("LIST_SLOTS", 512)


@cocotb.test()
async def a_release_holds_once_it_is_granted(dut: Any) -> None:
    """A bad doorbell while requests of both queues are fetched and accepted, and RELEASE as soon as it can be given."""
    host = await running(dut)
    for _ in range(400):
        host.memory.latency, host.memory.ready = host.random.choice((3, 10)), host.random.choice((0.9, 0.2))
        await host.serve()
        await host.feed(0)
        await host.select(1)
        await host.feed(1)
        await host.wait(host.random.randint(0, 40))
        await host.take(1, beyond=100)
        await host.wait(host.random.choice((0, 0, 1, 2)))
        await host.release()
        await host.start(1)


@cocotb.test()
async def a_life_is_over_when_it_is_released_and_not_before(dut: Any) -> None:
    """Many lives of queue 1 beside queue 0's traffic."""
    host = await running(dut)
    for _ in range(250):
        host.pace = host.random.choice((2, 2, 2, 5, 12))
        host.memory.latency, host.memory.ready = host.random.choice((5, 20, 40, 200)), host.random.choice((0.95, 0.15))
        for _ in range(host.random.randint(0, 3)):
            await host.serve()
            await host.feed(1)
        await host.feed(1)
        await host.wait(host.random.choice((0, host.random.randint(0, 40), host.random.randint(0, 300))))
        way = host.random.choice(("stop", "abort", "misrung", "broken", "none"))
        if way == "misrung":
            await host.misrung()
        elif way == "broken":
            await host.broken()
        elif way != "none":
            await host.stopped(Command.STOP if way == "stop" else Command.ABORT)
        await host.settle()


@cocotb.test()
async def a_place_that_is_given_back_is_used(dut: Any) -> None:
    """Completion rings of two records, full most of the time; each record is taken once, of both queues at a time."""
    host = await running(dut, cq_log2=1)
    host.memory.latency = 6
    taken = [0, 0]
    for _ in range(1500):
        for queue in (0, 1):
            await host.look(queue)
            await host.feed(queue)
        host.pace = host.random.choice((1, 2, 3))
        await host.wait(host.random.randint(0, 12))
        for pair in host.pairs:
            if pair.records != taken[pair.number]:
                taken[pair.number] = pair.records
                await host.take(pair.number)
    for _ in range(PATIENCE):
        await host.wait(20)
        for pair in host.pairs:
            if pair.records != taken[pair.number]:
                taken[pair.number] = pair.records
                await host.take(pair.number)
        if not (host.pairs[0].sent or host.pairs[1].sent):
            return
    raise AssertionError(f"never answered: {host.pairs[0].sent} {host.pairs[1].sent}")


@cocotb.test()
async def a_place_is_seen_in_whatever_cycle_it_is_given_back(dut: Any) -> None:
    """A completion ring of two records and four requests: its places are given back so many cycles apart, and no more.

    Queue 0 gets a request in between: when the turn is its own, queue 1 is looked at again only if it isn't held full.
    """
    host = await running(dut, cq_log2=1)
    other, pair = host.pairs
    host.pace, host.memory.latency, host.memory.ready = 1, 3, 1.0
    for gap in range(2, 24):
        for lead in range(1, gap):
            for _ in range(4):
                host.submit(pair, 1)
            host.submit(other, 1)
            await host.ring(pair)
            await host.answered(pair, 2)
            full = pair.records
            await host.take(1, beyond=-1)
            await host.wait(gap - lead - 1)
            await host.ring(other)
            await host.wait(lead - 1)
            await host.take(1, beyond=full - pair.records)
            await host.answered(pair, 0)
            await host.answered(other, 0)
            for queue in (0, 1):
                await host.take(queue)


@cocotb.test()
async def lists_that_just_fit_are_carried_out(dut: Any) -> None:
    """Of either queue, one behind the other: short ones, and such as need all the places of the list buffer."""
    host = await running(dut)
    host.whole = True
    for _ in range(120):
        host.memory.latency = host.random.choice((3, 60))
        for pair in host.pairs:
            await host.look(pair.number)
            for _ in range(host.random.randint(1, 5)):
                most = min(LISTS, SLOTS - 1)
                count = host.random.choice((host.random.randint(most - 40, most), host.random.randint(1, 30), most))
                if pair.tail + count + 1 - pair.head <= SLOTS and len(pair.sent) < 24:
                    host.submit(pair, count)
            await host.ring(pair)
            await host.take(pair.number)
        await host.wait(host.random.randint(0, 400))
    for _ in range(PATIENCE):
        if not (host.pairs[0].sent or host.pairs[1].sent):
            return
        await host.wait(50)
    raise AssertionError(f"never answered: {host.pairs[0].sent} {host.pairs[1].sent}")
