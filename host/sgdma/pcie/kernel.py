"""A PCI function through the kernel's VFIO: BARs mapped into this process, DMA memory locked, interrupts by eventfd.

The function must be bound to vfio-pci (:mod:`sgdma.pcie.bind`). Register accesses rely on x86's order of stores to
uncached memory: a register write never overtakes what was written to DMA memory before it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

import numpy as np

from sgdma.errors import DeviceBusy, DeviceGone, MappingFailed, MissingCapability, OutOfMemory
from sgdma.pcie.bind import NODES, SYSFS, Functions
from sgdma.pcie.evidence import of_sysfs
from sgdma.pcie.function import NOBODY, U8, Bar, PciFunction
from sgdma.pcie.vfio import CONFIG_REGION, MSIX, Container, Device, Region
from sgdma.spec.pcie import MEMORY_SPACE

__all__ = ["KernelFunction"]

HUGE = 2 << 20
MAP_HUGETLB_2M = 0x40000 | 21 << 26
"""Python's mmap has no names for these."""
HUGE_FROM = 1 << 20
"""Smaller memory does not waste a huge page."""
BARS = range(6)
LOW_ENOUGH = 1 << 30


class KernelFunction(PciFunction):
    """The function at an address like ``0000:01:00.0``.

    Raises DeviceGone when there is none, DeviceBusy when it is not bound to vfio-pci or somebody has it, TargetError
    when this user may not open it.
    """

    maps_any = True

    def __init__(self, address: str, sysfs: Path = SYSFS, nodes: Path = NODES) -> None:
        found = Functions(sysfs).find(address)
        if found.driver != "vfio-pci":
            raise DeviceBusy(
                f"{found.address} has {f'driver {found.driver}' if found.driver else 'no driver'}, not vfio-pci; "
                f"bind it: sgdma pcie bind {found.address}"
            )
        if found.group is None:
            raise MissingCapability(f"{found.address} is behind no IOMMU; boot with intel_iommu=on (or amd_iommu=on)")
        self.name = found.address
        # Where it is below its port: the link to it goes with the function, the port stays.
        self._place = (sysfs / "bus" / "pci" / "devices" / found.address).resolve()
        self._memory: dict[int, mmap.mmap] = {}
        self._mapped: dict[int, int] = {}
        self._bars: dict[int, Bar] = {}
        self._eventfds: list[int] = []
        self._container = Container(found.group, nodes)
        try:
            self._device = self._container.device(self.name)
        except BaseException:
            self._container.close()
            raise
        self._config = self._device.region(CONFIG_REGION)
        self.set_command(MEMORY_SPACE, True)

    # Configuration space and BARs.

    def config_read(self, offset: int, size: int) -> int:
        self._check_config(offset, size)
        try:
            data = os.pread(self._device.descriptor, size, self._config.offset + offset)
        except OSError as error:
            raise DeviceGone(f"{self.name}: configuration space can't be read: {error.strerror}") from error
        return int.from_bytes(data, "little")

    def config_write(self, offset: int, size: int, value: int) -> None:
        self._check_config(offset, size)
        try:
            os.pwrite(self._device.descriptor, value.to_bytes(size, "little"), self._config.offset + offset)
        except OSError as error:
            raise DeviceGone(f"{self.name}: configuration space can't be written: {error.strerror}") from error

    def _check_config(self, offset: int, size: int) -> None:
        if size not in (1, 2, 4) or offset % size or not 0 <= offset <= self._config.size - size:
            raise ValueError(f"{size} bytes at {offset:#x}; 1, 2 or 4 aligned ones below {self._config.size:#x}")

    def bar(self, index: int) -> Bar:
        if index not in self._bars:
            region = self._device.region(index) if index in BARS else Region(0, 0, 0)
            if not region.size:
                raise MissingCapability(f"{self.name} has no BAR {index}")
            kind = _MappedBar if region.mappable else _SlowBar
            self._bars[index] = kind(self, self._device, region)
        return self._bars[index]

    def evidence(self) -> dict[str, str]:
        return super().evidence() | of_sysfs(self._place)

    def reset(self) -> None:
        self._device.reset()
        self.set_command(MEMORY_SPACE, True)

    # Memory.

    def allocate(self, size: int) -> U8:
        if size <= 0 or size % self.page:
            raise ValueError(f"{size} bytes; a positive multiple of {self.page}")
        memory = _huge(size) or _ordinary(size)
        array = np.frombuffer(memory, np.uint8)[:size]
        self._memory[_address(array)] = memory
        return array

    def release(self, array: U8) -> None:
        memory = self._memory.pop(_address(array), None)
        if memory is None:
            raise ValueError(f"memory at {_address(array):#x} is not of allocate(), or was given back before")
        with contextlib.suppress(BufferError):  # somebody looks at it still; it goes with the last view
            memory.close()

    def map(self, array: U8, iova: int, *, read: bool = True, write: bool = True) -> None:
        address, size = _address(array), array.nbytes
        if not array.flags.c_contiguous or address % self.page or size % self.page or not size or iova % self.page:
            raise MappingFailed(
                f"{size:#x} bytes at {address:#x} for iova {iova:#x}: whole pages of {self.page} bytes only, in one "
                "piece; take memory of allocate()"
            )
        if not any(first <= iova and iova + size - 1 <= last for first, last in self._container.ranges):
            ranges = ", ".join(f"{first:#x} to {last:#x}" for first, last in self._container.ranges)
            raise MappingFailed(f"{size:#x} bytes at iova {iova:#x}: the IOMMU maps {ranges} only")
        self._container.map(address, iova, size, read, write)
        self._mapped[iova] = size

    def unmap(self, iova: int, size: int) -> None:
        if self._mapped.get(iova) != size:
            raise MappingFailed(f"{size:#x} bytes at iova {iova:#x} are no mapping; there are {_listed(self._mapped)}")
        self._container.unmap(iova, size)
        del self._mapped[iova]

    @property
    def iova_limit(self) -> tuple[int, int]:
        """Of the lowest range that is large: between the ranges lie holes, as for the interrupts' addresses."""
        large = [pair for pair in self._container.ranges if pair[1] - pair[0] >= LOW_ENOUGH - 1]
        return min(large) if large else max(self._container.ranges, key=lambda pair: pair[1] - pair[0])

    # Interrupts and the end.

    def enable_msix(self, vectors: int) -> list[int]:
        there = self._device.interrupts(MSIX)
        if not 0 < vectors <= there:
            raise MissingCapability(f"{self.name} has {there} MSI-X vectors, not {vectors}")
        self._disable_msix()
        self._eventfds = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(vectors)]
        self._device.set_interrupts(MSIX, self._eventfds)
        return list(self._eventfds)

    def _disable_msix(self) -> None:
        if self._eventfds:
            with contextlib.suppress(DeviceGone):
                self._device.set_interrupts(MSIX, [])
        while self._eventfds:
            os.close(self._eventfds.pop())

    def close(self) -> None:
        if self._device.descriptor < 0:
            return
        with contextlib.suppress(DeviceGone, MissingCapability):
            self.bus_master(False)
            self._device.reset()
        self._disable_msix()
        for iova, size in list(self._mapped.items()):
            with contextlib.suppress(MappingFailed):
                self._container.unmap(iova, size)
        self._mapped.clear()
        for bar in self._bars.values():
            if isinstance(bar, _MappedBar):
                bar.close()
        self._device.close()
        self._container.close()
        for memory in self._memory.values():
            with contextlib.suppress(BufferError):
                memory.close()
        self._memory.clear()


class _CheckedBar(Bar):
    """What both kinds of BAR share: the check of an offset, and of an answer of all ones."""

    def __init__(self, function: KernelFunction, device: Device, region: Region) -> None:
        self.size, self._function, self._device, self._region = region.size, function, device, region

    def _check(self, offset: int) -> None:
        if offset % 4 or not 0 <= offset <= self.size - 4:
            raise ValueError(f"offset {offset:#x}: an aligned one below {self.size:#x}")

    def _answered(self, value: int) -> int:
        if value == NOBODY:
            self._function.check()
        return value


class _MappedBar(_CheckedBar):
    """A BAR in this process' memory: an item of the view is one 32-bit access."""

    def __init__(self, function: KernelFunction, device: Device, region: Region) -> None:
        super().__init__(function, device, region)
        try:
            self._map = mmap.mmap(device.descriptor, region.size, offset=region.offset)
        except OSError as error:
            raise DeviceGone(f"{function.name}: a BAR can't be mapped: {error.strerror}") from error
        self._words = memoryview(self._map).cast("I")

    def read32(self, offset: int) -> int:
        self._check(offset)
        return self._answered(self._words[offset >> 2])

    def write32(self, offset: int, value: int) -> None:
        self._check(offset)
        self._words[offset >> 2] = value

    def close(self) -> None:
        """Let go of the mapping."""
        self._words.release()
        self._map.close()


class _SlowBar(_CheckedBar):
    """A BAR that can't be mapped, smaller than a page for one: a system call an access."""

    def read32(self, offset: int) -> int:
        self._check(offset)
        data = os.pread(self._device.descriptor, 4, self._region.offset + offset)
        return self._answered(int.from_bytes(data, "little"))

    def write32(self, offset: int, value: int) -> None:
        self._check(offset)
        os.pwrite(self._device.descriptor, value.to_bytes(4, "little"), self._region.offset + offset)


def _address(array: U8) -> int:
    return int(array.ctypes.data)


def _huge(size: int) -> mmap.mmap | None:
    """Memory in huge pages: locked and mapped some forty times as fast. None when there are too few."""
    if size < HUGE_FROM:
        return None
    try:
        return mmap.mmap(-1, -(-size // HUGE) * HUGE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | MAP_HUGETLB_2M)
    except OSError:
        return None


def _ordinary(size: int) -> mmap.mmap:
    try:
        # Shared, so that a child of this process can't turn it into a copy that the device does not see.
        return mmap.mmap(-1, size, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise OutOfMemory(f"no {size} bytes of memory for DMA: {error.strerror}") from error


def _listed(mapped: dict[int, int]) -> str:
    return ", ".join(f"{size:#x} at {iova:#x}" for iova, size in sorted(mapped.items())) or "none"
