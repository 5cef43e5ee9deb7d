"""sgdma_packet_fifo (commit, rollback, room) and sgdma_crc32c (against a library) under random traffic."""

from __future__ import annotations

import os
from collections import deque
from typing import Any

import cocotb
import google_crc32c
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import Sink, rng, start

DEPTH = 16


@cocotb.test(skip=os.environ["SGDMA_BLOCK"] != "sgdma_packet_fifo")
async def shows_what_is_committed_and_forgets_what_is_not(dut: Any) -> None:
    """Against a list: order kept, nothing uncommitted seen, never full while `free` says that there is room for two."""
    random = rng("packet fifo")
    await start(dut, in_valid=0, commit=0, rollback=0, out_ready=0)
    committed: deque[int] = deque()
    pending: list[int] = []
    rolled_back = moved = 0
    for _ in range(4000):
        room = int(dut.free.value)
        push = room > 1 and random.random() < 0.6
        word = random.getrandbits(64)
        act = random.choice(("commit", "rollback", None, None))
        dut.in_valid.value, dut.in_data.value = int(push), word
        dut.commit.value, dut.rollback.value = int(act == "commit"), int(act == "rollback")
        dut.out_ready.value = random.getrandbits(1)
        await RisingEdge(dut.clk)
        if dut.out_valid.value and dut.out_ready.value:
            assert int(dut.out_data.value) == committed.popleft()
            moved += 1
        pending += [word] if push else []
        if act == "commit":
            committed.extend(pending)
            pending.clear()
        elif act == "rollback":
            rolled_back += len(pending)
            pending.clear()
        await FallingEdge(dut.clk)
        held = len(committed) + len(pending)
        assert held <= DEPTH + 2  # two words are in the output registers
        assert int(dut.free.value) <= DEPTH + 2 - held + int(push)  # a word is counted a cycle late
    assert moved > 300 and rolled_back > 100


@cocotb.test(skip=os.environ["SGDMA_BLOCK"] != "sgdma_crc32c")
async def agrees_with_the_library(dut: Any) -> None:
    """Packets of every length around the word, back to back and with pauses."""
    random = rng("crc")
    await start(dut, in_valid=0, out_ready=0)
    size = len(dut.in_keep)
    packets = [random.randbytes(random.choice((1, 2, 7, 8, 9, 15, 16, 17, 64, 100))) for _ in range(200)]
    sink = Sink(dut, "out", ("crc",), random, 0.1)

    async def send() -> None:
        for packet in packets:
            for place in range(0, len(packet), size):
                part = packet[place : place + size]
                dut.in_valid.value = 1
                dut.in_data.value = int.from_bytes(part + random.randbytes(size - len(part)), "little")
                dut.in_keep.value = (1 << len(part)) - 1
                dut.in_last.value = int(place + size >= len(packet))
                await FallingEdge(dut.clk)
            dut.in_valid.value = 0
            for _ in range(random.randrange(5) + 2):
                await FallingEdge(dut.clk)

    cocotb.start_soon(send())
    await sink.run(lambda: len(sink.words) == len(packets))
    assert [word["crc"] for word in sink.words] == [google_crc32c.value(packet) for packet in packets]


