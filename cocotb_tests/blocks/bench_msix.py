"""sgdma_tlp_msix: what fires is sent once its entry is unmasked, never while it is masked, never half of a change."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import rng, start

VECTORS, MASK = 5, 3
INPUTS = ("requester", "enable", "fire", "address", "table_write", "write_data", "counters", "packet_ready")


class Bench:
    """A table that software changes as operating systems do: mask, address, data, unmask; and a sender that is busy."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.random = dut, rng("msix")
        self.table = [[0, 0, 0, 1] for _ in range(VECTORS)]  # as the device has it by now
        self.owed = [False] * VECTORS
        self.sent, self.fired = [0] * VECTORS, [0] * VECTORS
        self.enabled, self.busy = True, 0.5

    async def cycle(self, fire: int = 0, write: tuple[int, int, int] | None = None) -> None:
        """One cycle: vectors that fire, a write of (entry, dword, value), and perhaps a message that leaves."""
        dut = self.dut
        dut.fire.value, dut.enable.value = fire, int(self.enabled)
        dut.table_write.value = int(write is not None)
        if write:
            dut.address.value, dut.write_data.value = 16 * write[0] + 4 * write[1], write[2]
        await FallingEdge(dut.clk)  # what is offered is settled
        taken = bool(dut.packet_valid.value) and self.random.random() >= self.busy
        dut.packet_ready.value = int(taken)
        if taken:
            self.leaves(int(dut.packet.value) >> 24)
        await RisingEdge(dut.clk)
        for vector in range(VECTORS):
            if fire >> vector & 1:
                self.owed[vector], self.fired[vector] = True, self.fired[vector] + 1
        if write:
            self.table[write[0]][write[1]] = write[2]

    def leaves(self, head: int) -> None:
        """A message: to whom is told by its data."""
        dwords = [head >> 32 * index & 0xFFFF_FFFF for index in range(5)]
        wide = dwords[0] >> 29 & 1
        address = dwords[2] << 32 | dwords[3] if wide else dwords[2]
        data = int.from_bytes(dwords[3 + wide].to_bytes(4, "little"), "big")
        vector = data & 0xFF
        low, high, meant, masked = self.table[vector]
        assert self.enabled and not masked, f"vector {vector} is masked, and its message leaves"
        assert (address, data) == (high << 32 | low, meant), f"vector {vector}: a message of two tables"
        assert self.sent[vector] < self.fired[vector], f"vector {vector} did not fire that often"
        self.owed[vector], self.sent[vector] = False, self.sent[vector] + 1

    async def change(self, vector: int, unmask: bool = True) -> None:
        """Another address and data for a vector, while it may fire."""
        writes = [(MASK, 1)] if not self.table[vector][MASK] else []
        number = self.random.getrandbits(24) << 8
        writes += [(0, 0xFEE0_0000 | number & 0xFFFC), (1, self.random.choice((0, 0, 7))), (2, number | vector)]
        for dword, value in writes + [(MASK, 0)] * unmask:
            for _ in range(self.random.choice((0, 0, 1, 3))):
                await self.cycle(self.some())
            await self.cycle(self.some(), (vector, dword, value))

    def some(self) -> int:
        """Vectors that fire."""
        return self.random.getrandbits(VECTORS) if self.random.random() < 0.1 else 0


@cocotb.test()
async def a_message_is_of_one_table_and_leaves_unmasked(dut: Any) -> None:
    """Changes of the table and of the function's mask at any moment, firing vectors, a sender that is often busy."""
    bench = Bench(dut)
    await start(dut, **dict.fromkeys(INPUTS, 0))
    await RisingEdge(dut.clk)
    for vector in range(VECTORS):
        await bench.change(vector)
    for _ in range(1500):
        bench.busy = bench.random.choice((0.0, 0.5, 0.95))
        if bench.random.random() < 0.1:
            bench.enabled = not bench.enabled
        await bench.change(bench.random.randrange(VECTORS), bench.random.random() < 0.8)
        for _ in range(bench.random.randint(0, 12)):
            await bench.cycle(bench.some())
    bench.busy, bench.enabled = 0.0, True
    for vector in range(VECTORS):
        await bench.change(vector)
    for _ in range(10 * VECTORS):
        await bench.cycle()
    assert not any(bench.owed), "fired, and never sent"
    assert all(100 < sent <= fired for sent, fired in zip(bench.sent, bench.fired, strict=True)), bench.sent
