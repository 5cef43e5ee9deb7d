"""A device behind PCI Express, through a :class:`~sgdma.pcie.function.PciFunction`: what vfio: and vfio-user: share.

Registers are BAR 0, DMA memory is the host's, mapped page by page at bus addresses that this target hands out, and
interrupts are MSI-X. Faults are injected by the device's guard, where it has one.
"""

from __future__ import annotations

import os
import select

import numpy as np
import numpy.typing as npt

from sgdma.errors import DeviceGone, MissingCapability, OutOfMemory
from sgdma.pcie.function import PciFunction
from sgdma.pcie.pages import whole_pages
from sgdma.spec.registers import BOARD, BOARD_MAGIC, DEVICE
from sgdma.targets.contract import Capability, DmaRegion, FaultInjection, Target
from sgdma.targets.guard import GuardFaults
from sgdma.targets.heap import Heap

__all__ = ["PcieTarget"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
IOVA_BASE, IOVA_BYTES = 0x1000_0000, 0x4000_0000
"""Where DMA memory is mapped: below 4 GiB, clear of the ranges that platforms keep for interrupts and firmware."""
EV_PENDING = DEVICE.address("ev_pending")
BLINK = 0.002
"""Seconds to wait for an interrupt before the device's clock is looked at again."""


class PcieTarget(Target):
    """The device that `function` is; `memory_bytes`: how much may be mapped at a time."""

    def __init__(self, url: str, function: PciFunction, memory_bytes: int = 64 << 20) -> None:
        self.url, self.function, self.memory_bytes = url, function, memory_bytes
        self.capabilities = Capability.INTERRUPTS | Capability.DIRECT_MEMORY | Capability.PCIE
        if function.maps_any:
            self.capabilities |= Capability.MAPPING
        low, high = function.iova_limit
        base = max(IOVA_BASE, low)
        self._heap = Heap(base, min(IOVA_BYTES, high + 1 - base))
        self._regions: dict[int, U8] = {}
        self._foreign: dict[int, tuple[int, int, list[tuple[int, int]]]] = {}
        self._taken = 0
        function.bus_master(True)
        self._bar = function.bar(0)
        self._eventfds = function.enable_msix(self._vectors())
        self._faults: GuardFaults | None = None
        if self.read32(BOARD.address("magic")) == BOARD_MAGIC:
            self._faults = GuardFaults(self)
            self.capabilities |= Capability.FAULT_INJECTION

    def _vectors(self) -> int:
        geometry = DEVICE.register("geometry").unpack(self.read32(DEVICE.address("geometry")))
        return geometry["queues"] + 1

    # Registers.

    def read32(self, address: int) -> int:
        value = self._bar.read32(address)
        if value == 0xFFFFFFFF and not self.function.alive:
            raise DeviceGone(f"{self.url}: the device no longer answers; plug it in again and rescan")
        return value

    def write32(self, address: int, value: int) -> None:
        if address == EV_PENDING:  # who clears it wants to hear of those no more
            self._collect(0.0)
            self._taken &= ~value
        self._bar.write32(address, value)

    def read_block(self, address: int, count: int) -> U32:
        return self._bar.read_block(address, count)

    # Memory.

    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        page = self.function.page
        whole = -(-max(size, 1) // page) * page
        if sum(map(len, self._regions.values())) + whole > self.memory_bytes:
            raise OutOfMemory(f"{size} bytes of DMA memory: {self.memory_bytes} may be mapped in all; set memory=")
        array = self.function.allocate(whole)
        try:
            iova = self._map(array, align)
        except BaseException:
            self.function.release(array)
            raise
        self._regions[iova] = array
        return DmaRegion(iova, array[:size], array)

    def _map(self, array: U8, align: int) -> int:
        iova = self._heap.allocate(len(array), max(align, self.function.page))
        if iova is None:
            raise OutOfMemory(f"{len(array)} bytes at a multiple of {align}: no bus addresses are left; free some")
        try:
            self.function.map(array, iova)
        except BaseException:
            self._heap.free(iova, len(array))
            raise
        return iova

    def free(self, region: DmaRegion) -> None:
        array = self._regions.pop(region.iova)
        self.function.unmap(region.iova, len(array))
        self._heap.free(region.iova, len(array))
        self.function.release(array)

    def map(self, *arrays: U8) -> DmaRegion:
        """Whole pages of it. Raises MappingFailed for pieces that are not contiguous when laid page to page."""
        page = self.function.page
        views = whole_pages(arrays, page)
        total = sum(map(len, views))
        iova = self._heap.allocate(total, page)
        if iova is None:
            raise OutOfMemory(f"{total} bytes: no bus addresses are left; unmap some")
        done: list[tuple[int, int]] = []
        try:
            for view in views:
                place = iova + sum(size for _, size in done)
                self.function.map(view, place)
                done.append((place, len(view)))
        except BaseException:
            self._undo(iova, total, done)
            raise
        phase = int(arrays[0].__array_interface__["data"][0]) % page
        self._foreign[iova + phase] = iova, total, done
        return DmaRegion(iova + phase, arrays[0], arrays)

    def unmap(self, region: DmaRegion) -> None:
        self._undo(*self._foreign.pop(region.iova))

    def _undo(self, iova: int, total: int, done: list[tuple[int, int]]) -> None:
        for place, size in done:
            self.function.unmap(place, size)
        self._heap.free(iova, total)

    # Time is the device's own counter.

    def wait_interrupt(self, vector: int, timeout: int) -> bool:
        limit = self.now() + timeout
        while not self._taken >> vector & 1:
            if not self._collect(BLINK) and self.now() >= limit:
                return False
        self._taken &= ~(1 << vector)
        self._bar.write32(EV_PENDING, 1 << vector)
        return True

    def _collect(self, seconds: float) -> bool:
        """Take the messages that have come, waiting so long for one; whether there were any."""
        ready = select.select(self._eventfds, [], [], seconds)[0]
        for fd in ready:
            os.read(fd, 8)
            self._taken |= 1 << self._eventfds.index(fd)
        return bool(ready)

    # The rig.

    @property
    def faults(self) -> FaultInjection:
        if self._faults is None:
            raise MissingCapability(f"{self.url}: has no guard on its memory bus to inject faults")
        return self._faults

    def reset(self) -> None:
        self._collect(0.0)
        self._taken = 0
        if self._faults:
            self._faults.clear()

    def function_level_reset(self) -> None:
        """The device as at power-up, in the middle of whatever it does; mappings and interrupts stay."""
        self.function.reset()
        self.function.bus_master(True)
        self._collect(0.0)
        self._taken = 0

    def close(self) -> None:
        """Reset and stop the function first: nothing is unmapped under its hands."""
        self._regions.clear()
        self.function.close()
