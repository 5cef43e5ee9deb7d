"""The kernel's VFIO as its header describes it: records and requests of the container, the group and the device.

:class:`Container` is all that knows of groups and of the IOMMU's type 1; one for iommufd would have the same methods.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sgdma.closing import Closing
from sgdma.errors import DeviceBusy, DeviceGone, MappingFailed, MissingCapability, TargetError
from sgdma.pcie.bind import NODES, holders

__all__ = ["CONFIG_REGION", "MSIX", "Container", "Device", "Region"]

_BASE = ord(";") << 8 | 100
CHECK_EXTENSION, SET_IOMMU, GROUP_STATUS, GROUP_SET_CONTAINER = range(_BASE + 1, _BASE + 5)
GROUP_GET_DEVICE, DEVICE_INFO, REGION_INFO, IRQ_INFO, SET_IRQS, RESET = range(_BASE + 6, _BASE + 12)
IOMMU_INFO, MAP_DMA, UNMAP_DMA = range(_BASE + 12, _BASE + 15)
TYPE1V2 = 3
VIABLE = 1 << 0
CAN_RESET = 1 << 0
CAN_MAP = 1 << 2
"""Of a region: mmap reaches it."""
HAS_CAPS = 1 << 1
IOVA_RANGES = 1
READABLE, WRITABLE = 1 << 0, 1 << 1
CONFIG_REGION = 7
MSIX = 2
"""Index of the MSI-X interrupts."""
TRIGGER_BY_EVENTFD, TRIGGER_BY_NONE = 1 << 5 | 1 << 2, 1 << 5 | 1 << 0

Ranges = list[tuple[int, int]]


@dataclass(frozen=True)
class Region:
    """Part of the device's descriptor: a BAR, or configuration space. `flags` as VFIO gives them."""

    flags: int
    size: int
    offset: int

    @property
    def mappable(self) -> bool:
        return bool(self.flags & CAN_MAP)


class Container(Closing):
    """One IOMMU group and the address space that its devices see.

    Raises DeviceBusy when somebody has the group or the rest of it is not free, TargetError without permission.
    """

    def __init__(self, group: int, nodes: Path = NODES, processes: Path = Path("/proc")) -> None:
        self._descriptors: list[int] = []
        try:
            self._container = self._open(nodes / "vfio")
            self._group = self._open(nodes / str(group))
            self._join(group)
        except OSError as error:
            self.close()
            raise _refused(error, nodes / str(group), processes) from error
        except BaseException:
            self.close()
            raise
        self.ranges = self._ranges()
        """First and last bus address of each range that the IOMMU can map."""

    def _open(self, path: Path) -> int:
        self._descriptors.append(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        return self._descriptors[-1]

    def _join(self, group: int) -> None:
        if not fcntl.ioctl(self._container, CHECK_EXTENSION, TYPE1V2):
            raise MissingCapability(
                "VFIO here has no IOMMU of type 1; load vfio_iommu_type1 and boot with intel_iommu=on"
            )
        _, flags = struct.unpack("II", fcntl.ioctl(self._group, GROUP_STATUS, struct.pack("II", 8, 0)))
        if not flags & VIABLE:
            raise DeviceBusy(
                f"IOMMU group {group} is not free: another function in it has a driver other than vfio-pci; "
                f"`sgdma pcie list` shows which"
            )
        fcntl.ioctl(self._group, GROUP_SET_CONTAINER, struct.pack("i", self._container))
        fcntl.ioctl(self._container, SET_IOMMU, TYPE1V2)

    def _ranges(self) -> Ranges:
        (size,) = struct.unpack_from(
            "I", fcntl.ioctl(self._container, IOMMU_INFO, struct.pack("IIQII", 24, 0, 0, 0, 0))
        )
        record = bytearray(max(size, 24))
        struct.pack_into("I", record, 0, len(record))
        fcntl.ioctl(self._container, IOMMU_INFO, record)
        return iova_ranges(bytes(record))

    def device(self, name: str) -> Device:
        """The descriptor of a function in this group."""
        try:
            # A bytearray goes by its address, and so does not become the result.
            return Device(fcntl.ioctl(self._group, GROUP_GET_DEVICE, bytearray(name.encode() + b"\0")), name)
        except OSError as error:
            raise DeviceGone(f"{name}: VFIO does not give it out: {error.strerror}") from error

    def map(self, address: int, iova: int, size: int, read: bool, write: bool) -> None:
        """Map so many bytes at `address` of this process. Raises MappingFailed with the remedy."""
        flags = (READABLE if read else 0) | (WRITABLE if write else 0)
        try:
            fcntl.ioctl(self._container, MAP_DMA, struct.pack("IIQQQ", 32, flags, address, iova, size))
        except OSError as error:
            raise MappingFailed(f"{size:#x} bytes at iova {iova:#x} can't be mapped: {_remedy(error)}") from error

    def unmap(self, iova: int, size: int) -> None:
        """Undo `map`."""
        record = bytearray(struct.pack("IIQQ", 24, 0, iova, size))
        try:
            fcntl.ioctl(self._container, UNMAP_DMA, record)
        except OSError as error:
            raise MappingFailed(f"{size:#x} bytes at iova {iova:#x} can't be unmapped: {error.strerror}") from error
        done: int = struct.unpack_from("Q", record, 16)[0]
        if done != size:
            raise MappingFailed(
                f"of {size:#x} bytes at iova {iova:#x} only {done:#x} were mapped; unmap what was mapped"
            )

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


class Device(Closing):
    """The descriptor of one function."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor, self._name = descriptor, name
        record = self._ask(DEVICE_INFO, struct.pack("IIIIII", 24, 0, 0, 0, 0, 0))
        self.can_reset = bool(struct.unpack_from("I", record, 4)[0] & CAN_RESET)

    def _ask(self, request: int, record: bytes) -> bytes:
        answer = bytearray(record)
        try:
            fcntl.ioctl(self.descriptor, request, answer)
            return bytes(answer)
        except OSError as error:
            raise DeviceGone(f"{self._name}: VFIO request {request - _BASE} failed: {error.strerror}") from error

    def region(self, index: int) -> Region:
        """A region's place; size 0 when there is none."""
        _, flags, _, _, size, offset = struct.unpack(
            "IIIIQQ", self._ask(REGION_INFO, struct.pack("IIIIQQ", 32, 0, index, 0, 0, 0))
        )
        return Region(flags, size, offset)

    def interrupts(self, index: int) -> int:
        """How many interrupts of that kind there are."""
        return int(struct.unpack_from("I", self._ask(IRQ_INFO, struct.pack("IIII", 16, 0, index, 0)), 12)[0])

    def set_interrupts(self, index: int, eventfds: Sequence[int]) -> None:
        """An eventfd each for interrupts 0 on, or none: disabled."""
        flags = TRIGGER_BY_EVENTFD if eventfds else TRIGGER_BY_NONE
        size, count = 20 + 4 * len(eventfds), len(eventfds)
        self._ask(SET_IRQS, struct.pack(f"IIIII{count}i", size, flags, index, 0, count, *eventfds))

    def reset(self) -> None:
        """Reset the function. Raises MissingCapability when the kernel knows no way to."""
        if not self.can_reset:
            raise MissingCapability(f"{self._name} can't be reset: it has no FLR and shares its bus")
        try:
            fcntl.ioctl(self.descriptor, RESET)
        except OSError as error:
            raise DeviceGone(f"{self._name} can't be reset: {error.strerror}") from error

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def iova_ranges(record: bytes) -> Ranges:
    """The ranges in a vfio_iommu_type1_info; all 64 bits when the kernel is too old to say."""
    _, flags, _, offset = struct.unpack_from("IIQI", record)
    while flags & HAS_CAPS and offset:
        kind, _, following = struct.unpack_from("HHI", record, offset)
        if kind == IOVA_RANGES:
            (count,) = struct.unpack_from("I", record, offset + 8)
            return [struct.unpack_from("QQ", record, offset + 16 + 16 * index) for index in range(count)]
        offset = following
    return [(0, (1 << 64) - 1)]


def _remedy(error: OSError) -> str:
    """Why MAP_DMA failed, and what helps."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    return {
        errno.ENOMEM: f"more than the {limit} bytes that this user may lock (RLIMIT_MEMLOCK); raise `ulimit -l`, "
        "or there is no memory left",
        errno.ENOSPC: "as many mappings as vfio_iommu_type1's dma_entry_limit; map fewer, larger pieces (huge pages), "
        "or raise that module parameter",
        errno.EEXIST: "something is mapped there; unmap it first",
        errno.EINVAL: "outside of what the IOMMU can map, or not on page boundaries",
        errno.EFAULT: "no such memory in this process",
        errno.EPERM: "this user may not lock memory, or it is read-only; raise `ulimit -l`",
    }.get(error.errno or 0, error.strerror or "for an unknown reason")


def _refused(error: OSError, group: Path, processes: Path) -> Exception:
    """Why a container or group can't be opened."""
    if error.errno == errno.EBUSY:
        users = ", ".join(holders(group, processes)) or "another process"
        return DeviceBusy(f"{group} is in use by {users}; end that first")
    if error.errno in (errno.EACCES, errno.EPERM):
        return TargetError(
            f"{error.filename}: this user may not open it; give it access by a udev rule for subsystem vfio"
        )
    if error.errno == errno.ENOENT:
        return DeviceBusy(f"{error.filename} does not exist: bind the function to vfio-pci first (`sgdma pcie bind`)")
    return TargetError(f"{error.filename or group}: {error.strerror}")
