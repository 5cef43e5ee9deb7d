"""A target whose memory and register port are cocotbext-axi's: it judges AXI conformance independently.

Used by the witness test and, as yardstick of speed, by `sgdma bench sim`. Slow by nature: every beat is Python.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.task import resume
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from sgdma.errors import OutOfMemory
from sgdma.targets.contract import Capability, DmaRegion, Target
from sgdma.targets.heap import Heap

__all__ = ["WitnessTarget"]

BASE = 0x1000_0000


class WitnessTarget(Target):
    """The stand-alone build between an AxiLiteMaster and an AxiRam. ``size`` bytes of memory, a power of two."""

    url = "witness:"
    capabilities = Capability.DIRECT_MEMORY

    def __init__(self, dut: Any, size: int = 16 << 20) -> None:
        self._dut, self.memory_bytes = dut, size
        self._file = mmap.mmap(-1, size)
        self._memory = np.frombuffer(self._file, np.uint8)
        self._heap = Heap(BASE, size)
        self._sizes: dict[int, int] = {}
        self.expected_hash = int(os.environ["SGDMA_SIM_HASH"], 16)
        self._ram = AxiRam(AxiBus.from_prefix(dut, "mem"), dut.clk, dut.rst, size=size, mem=self._file)
        self._registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "csr"), dut.clk, dut.rst)
        self._cycles = 0

    async def start(self) -> None:
        """Clock and reset; call once from the cocotb test."""
        Clock(self._dut.clk, 8, "ns").start()
        self._dut.rst.value = 1
        await ClockCycles(self._dut.clk, 8)
        self._dut.rst.value = 0
        await ClockCycles(self._dut.clk, 8)

    def pause(self, generator: Callable[[], Any]) -> None:
        """Back-pressure: an iterator of booleans for every channel of the memory."""
        for channel in (self._ram.write_if.aw_channel, self._ram.write_if.w_channel, self._ram.write_if.b_channel,
                        self._ram.read_if.ar_channel, self._ram.read_if.r_channel):  # fmt: skip
            channel.set_pause_generator(generator())

    def read32(self, address: int) -> int:
        return int(_read(self._registers, address))

    def write32(self, address: int, value: int) -> None:
        _write(self._registers, address, value)

    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        whole = -(-max(size, 1) // 4096) * 4096
        iova = self._heap.allocate(whole, max(align, 4096))
        if iova is None:
            raise OutOfMemory(f"{size} bytes of DMA memory: {self.memory_bytes - self._heap.used} are free")
        self._sizes[iova] = whole
        # AxiRam takes addresses modulo its size.
        start = iova % self.memory_bytes
        array = self._memory[start : start + size]
        array[:] = 0
        return DmaRegion(iova, array)

    def free(self, region: DmaRegion) -> None:
        self._heap.free(region.iova, self._sizes.pop(region.iova))

    def now(self) -> int:
        return int(_time(self._dut))

    def sleep(self, cycles: int) -> None:
        _sleep(self._dut, cycles)

    def close(self) -> None:
        self._sizes.clear()


@resume
async def _read(registers: AxiLiteMaster, address: int) -> int:
    return int(await registers.read_dword(address))


@resume
async def _write(registers: AxiLiteMaster, address: int, value: int) -> None:
    await registers.write_dword(address, value)


@resume
async def _sleep(dut: Any, cycles: int) -> None:
    await ClockCycles(dut.clk, max(1, cycles))


@resume
async def _time(dut: Any) -> int:
    return int(get_sim_time("ns")) // 8
