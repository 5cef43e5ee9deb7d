"""A device behind PCI Express, through a :class:`~sgdma.pcie.function.PciFunction`: what vfio: and vfio-user: share.

Registers are BAR 0, DMA memory is the host's, mapped page by page at bus addresses that this target hands out, and
interrupts are MSI-X. Faults are injected by the device's guard, where it has one.
"""

from __future__ import annotations

import os
import select

import numpy as np
import numpy.typing as npt

from sgdma.errors import MissingCapability
from sgdma.pcie.function import PciFunction
from sgdma.spec.registers import BOARD, BOARD_MAGIC, DEVICE
from sgdma.targets.contract import Capability, DmaRegion, FaultInjection, Target
from sgdma.targets.dma_memory import DmaMemory
from sgdma.targets.guard import GuardFaults

__all__ = ["PcieTarget"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
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
        self.memory = DmaMemory(function, memory_bytes)
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
        return self._bar.read32(address)

    def write32(self, address: int, value: int) -> None:
        if address == EV_PENDING:  # who clears it wants to hear of those no more
            self._collect(0.0)
            self._taken &= ~value
        self._bar.write32(address, value)

    def read_block(self, address: int, count: int) -> U32:
        return self._bar.read_block(address, count)

    # Memory.

    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        iova, array = self.memory.allocate(size, align)
        return DmaRegion(iova, array[:size], array)

    def free(self, region: DmaRegion) -> None:
        self.memory.free(region.iova)

    def map(self, *arrays: U8) -> DmaRegion:
        """Whole pages of it. Raises MappingFailed for pieces that are not contiguous when laid page to page."""
        return DmaRegion(self.memory.map(*arrays), arrays[0], arrays)

    def unmap(self, region: DmaRegion) -> None:
        self.memory.unmap(region.iova)

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

    def evidence(self) -> dict[str, str]:
        return self.function.evidence()

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
        self.memory.clear()
        self.function.close()
