"""A PCI function served by vfio-user on a UNIX socket: what `sgdma serve --pcie` shows, without QEMU in between.

Memory for DMA is memfd, which the server maps; no other memory can be reached by it.
"""

from __future__ import annotations

import mmap
import os
import socket
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sgdma.errors import DeviceBusy, DeviceGone, MappingFailed, MissingCapability, OutOfMemory
from sgdma.pcie.function import NOBODY, Bar, PciFunction
from sgdma.pcie.vfio_user import MOST_FDS, Command, Connection, IrqFlags, Message, Region, Structures, version_payload

__all__ = ["UserFunction"]

U8 = npt.NDArray[np.uint8]
TIMEOUT = 60.0
"""Seconds without an answer after which the server is taken for dead. A simulator answers within milliseconds."""
GREETING = 5.0
"""The same for the first answer: a server with another client does not give it."""


class _UserBar(Bar):
    """A BAR by messages."""

    def __init__(self, owner: UserFunction, index: int, size: int) -> None:
        self._owner, self._index, self.size = owner, index, size

    def read32(self, offset: int) -> int:
        return int(self.read_block(offset, 1)[0])

    def write32(self, offset: int, value: int) -> None:
        self._owner.region_write(self._index, offset, (value & 0xFFFFFFFF).to_bytes(4, "little"), posted=True)

    def read_block(self, offset: int, count: int) -> npt.NDArray[np.uint32]:
        words = np.frombuffer(self._owner.region_read(self._index, offset, 4 * count), "<u4").astype(np.uint32)
        if NOBODY in words:
            self._owner.check()
        return words


class UserFunction(PciFunction):
    """The function served at `path`. Raises DeviceGone when nobody serves there, DeviceBusy behind another client."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(TIMEOUT)
        try:
            stream.connect(str(path))
        except OSError as error:
            stream.close()
            raise DeviceGone(f"{path}: nobody serves there ({error.strerror}); sgdma serve --pcie {path}") from error
        self._connection = Connection(stream, self.name)
        self._files: dict[int, tuple[int, U8]] = {}  # first address: file, memory
        self._eventfds: list[int] = []
        self._mapped: dict[int, int] = {}
        self._closed = False
        stream.settimeout(GREETING)
        try:
            self._call(Command.VERSION, version_payload())
        except DeviceGone as error:
            stream.close()
            raise DeviceBusy(f"{path}: the server does not answer: another client is connected; end it") from error
        stream.settimeout(TIMEOUT)

    def _call(self, command: Command, payload: bytes, fds: list[int] | None = None) -> Message:
        return self._connection.call(command, payload, fds)

    # Regions.

    def region_read(self, region: int, offset: int, size: int) -> bytes:
        """Bytes of a region. Raises DeviceGone."""
        answer = self._call(Command.REGION_READ, Structures.ACCESS.pack(offset, region, size))
        self._refuse(answer, f"reading {size} bytes at {offset:#x} of region {region}")
        return answer.payload[Structures.ACCESS.size :]

    def region_write(self, region: int, offset: int, data: bytes, *, posted: bool = False) -> None:
        """Write bytes of a region; `posted`: without waiting for the server. Raises DeviceGone."""
        payload = Structures.ACCESS.pack(offset, region, len(data)) + data
        if posted:
            self._connection.send(Command.REGION_WRITE, payload, posted=True)
        else:
            self._refuse(self._call(Command.REGION_WRITE, payload), f"writing at {offset:#x} of region {region}")

    def _refuse(self, answer: Message, what: str) -> None:
        if answer.error:
            raise DeviceGone(f"{self.name}: {what} was refused ({os.strerror(answer.error)})")

    def config_read(self, offset: int, size: int) -> int:
        return int.from_bytes(self.region_read(Region.CONFIG, offset, size), "little")

    def config_write(self, offset: int, size: int, value: int) -> None:
        self.region_write(Region.CONFIG, offset, value.to_bytes(size, "little"))

    def bar(self, index: int) -> Bar:
        request = Structures.REGION_INFO.pack(Structures.REGION_INFO.size, 0, index, 0, 0, 0)
        answer = self._call(Command.DEVICE_GET_REGION_INFO, request)
        size = 0 if answer.error else Structures.REGION_INFO.unpack_from(answer.payload)[4]
        if not size:
            raise MissingCapability(f"{self.name}: has no BAR {index}")
        return _UserBar(self, index, size)

    # Memory.

    def allocate(self, size: int) -> U8:
        fd = os.memfd_create("sgdma")
        try:
            os.ftruncate(fd, size)
            array = np.frombuffer(mmap.mmap(fd, size), np.uint8)
        except OSError as error:
            os.close(fd)
            raise OutOfMemory(f"{size} bytes of DMA memory: {error.strerror}; free some") from error
        self._files[_address(array)] = fd, array
        return array

    def release(self, array: U8) -> None:
        fd, _ = self._files.pop(_address(array))
        os.close(fd)

    def map(self, array: U8, iova: int, *, read: bool = True, write: bool = True) -> None:
        place, size = _address(array), len(array)
        fd, offset = self._file(place, size)
        payload = Structures.MAP.pack(Structures.MAP.size, int(read) | int(write) << 1, offset, iova, size)
        answer = self._call(Command.DMA_MAP, payload, [fd])
        if answer.error:
            why = os.strerror(answer.error)
            raise MappingFailed(f"{self.name}: {size} bytes at {iova:#x}: {why}; map whole pages where none are mapped")
        self._mapped[iova] = size

    def _file(self, place: int, size: int) -> tuple[int, int]:
        """File and offset of memory that `allocate` has given."""
        for first, (fd, whole) in self._files.items():
            if first <= place and place + size <= first + len(whole):
                return fd, place - first
        raise MappingFailed(f"{self.name}: memory that is no memfd can't be shared with the server; use allocate()")

    def unmap(self, iova: int, size: int) -> None:
        if self._mapped.get(iova) != size:
            raise MappingFailed(f"{self.name}: {size} bytes at {iova:#x} are not what was mapped there")
        answer = self._call(Command.DMA_UNMAP, Structures.UNMAP.pack(Structures.UNMAP.size, 0, iova, size))
        self._refuse(answer, f"unmapping {size} bytes at {iova:#x}")
        del self._mapped[iova]

    @property
    def iova_limit(self) -> tuple[int, int]:
        return 0, (1 << 64) - 1

    # Interrupts and state.

    def enable_msix(self, vectors: int) -> list[int]:
        answer = self._call(Command.DEVICE_GET_IRQ_INFO, Structures.IRQ_INFO.pack(16, 0, Region.MSIX_IRQ, 0))
        most = Structures.IRQ_INFO.unpack_from(answer.payload)[3] if not answer.error else 0
        if vectors > most:
            raise MissingCapability(f"{self.name}: {vectors} interrupt vectors: has {most}")
        self._drop_interrupts()
        self._eventfds = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(vectors)]
        for start in range(0, vectors, MOST_FDS):
            fds = self._eventfds[start : start + MOST_FDS]
            flags = IrqFlags.DATA_EVENTFD | IrqFlags.TRIGGER
            payload = Structures.SET_IRQS.pack(Structures.SET_IRQS.size, flags, Region.MSIX_IRQ, start, len(fds))
            self._refuse(self._call(Command.DEVICE_SET_IRQS, payload, fds), "enabling interrupts")
        return list(self._eventfds)

    def _drop_interrupts(self) -> None:
        for fd in self._eventfds:
            os.close(fd)
        self._eventfds = []

    def reset(self) -> None:
        self._refuse(self._call(Command.DEVICE_RESET, b""), "resetting")

    @property
    def alive(self) -> bool:
        try:
            return super().alive
        except DeviceGone:
            return False

    def close(self) -> None:
        """The server resets the function when the connection ends."""
        if self._closed:
            return
        self._closed = True
        self._connection.close()
        self._drop_interrupts()
        for fd, _ in self._files.values():
            os.close(fd)
        self._files.clear()


def _address(array: U8) -> int:
    return int(array.__array_interface__["data"][0])
