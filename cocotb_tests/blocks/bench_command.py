"""sgdma_command: START is refused for rings of the wrong size or place, and for no other."""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge

from blocks.common import rng, start
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.spec.status import Command, Result

ALIGN, BOUNDARY, BITS = json.loads(os.environ["SGDMA_PARAMETERS"]).values()


def _expected(rings: list[tuple[int, int]]) -> Result:
    """What START says to (base, bytes) of the two rings."""
    if any(base % ALIGN for base, _ in rings):
        return Result.TABLE_ALIGN
    if BOUNDARY and any(base // BOUNDARY != (base + size - 1) // BOUNDARY for base, size in rings):
        return Result.TABLE_BOUNDARY
    if any((base + size - 1) >> BITS for base, size in rings):
        return Result.ADDRESS_BITS
    return Result.OK


@cocotb.test()
async def start_is_refused_for_rings_out_of_place(dut: Any) -> None:
    """Bases near every edge that counts: of the address space, of a boundary, of what a ring can reach."""
    random = rng("command")
    await start(dut, cfg_queue=0, cmd_valid=0, cmd_op=int(Command.START), state=0, error=0, busy=0)
    seen = set()
    for _ in range(6000):
        logs = random.randint(2, 19), random.randint(1, 15)
        sizes = SLOT_BYTES << logs[0], COMPLETION_BYTES << logs[1]
        edges = [1 << BITS, 1 << 24, BOUNDARY * random.randint(1, 9), random.getrandbits(64)]
        bases = []
        for size in sizes:
            before = random.choice((0, size, size - ALIGN, size + ALIGN, random.randrange(1 << 24)))
            base = random.choice(edges) - before + random.choice((0, 0, ALIGN, -ALIGN, 1))
            bases.append((base if random.random() < 0.1 else base // ALIGN * ALIGN) % (1 << 64))
        (dut.cfg_sq_base.value, dut.cfg_cq_base.value) = bases
        (dut.cfg_sq_log2.value, dut.cfg_cq_log2.value) = logs
        for _ in range(2):
            await FallingEdge(dut.clk)
        dut.cmd_valid.value = 1
        await FallingEdge(dut.clk)
        dut.cmd_valid.value = 0
        expected = _expected(list(zip(bases, sizes, strict=True)))
        assert Result(int(dut.cmd_result.value)) is expected, (bases, sizes, expected)
        assert int(dut.start.value) == (expected is Result.OK)
        seen.add(expected)
    assert len(seen) == (4 if BOUNDARY else 3), seen
