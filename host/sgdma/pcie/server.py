"""vfio-user server: shows a device as a PCI function to one client at a time, QEMU or our own.

What the function is made of is behind :class:`ServedDevice`. Time of the device passes while a client is connected.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sgdma.errors import DeviceGone, UsageError
from sgdma.pcie.config_space import ConfigSpace
from sgdma.pcie.mapping import RANGE, RangeTable, Refused
from sgdma.pcie.served_device import Fault, ServedDevice
from sgdma.pcie.vfio_user import Command, Connection, IrqFlags, Message, Region, Structures, version_payload
from sgdma.spec.pcie import BAR0_BYTES, MSIX_TABLE

__all__ = ["Session", "make_room", "serve"]

NOBODY = b"\xff"
"""What a slot without a card answers."""
MOST_REPORTS = 20
"""Faults of one session that are told one by one."""


def serve(
    device: ServedDevice, path: Path, ready: Callable[[], None] = lambda: None, *, clients: int = 0,
    report: Callable[[str], None] = lambda text: None, pulled: Callable[[], bool] = lambda: False,
) -> None:  # fmt: skip
    """Serve at `path`, a UNIX socket, client after client; `clients`: how many, 0 for without end.

    `report`: is told of the device's accesses that meet no mapping, as an IOMMU's driver would. `pulled`: whether the
    card is out of its slot just now; it answers all ones then, and does nothing. Raises UsageError when another server
    is there already.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        _bind(listener, path)
        try:
            listener.listen(1)
            ready()
            served = 0
            while not clients or served < clients:
                stream, _ = listener.accept()
                served += 1
                with Connection(stream, "client") as connection, Session(device, connection, report, pulled) as session:
                    session.run()
        finally:
            if path.is_socket():
                path.unlink()


def make_room(path: Path) -> None:
    """Remove the socket that an ended server left at `path`. Raises UsageError when anything else is there."""
    if path.is_socket():
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(str(path))
            raise UsageError(f"{path}: a server is there already; end it or choose another path")
        path.unlink()
    elif path.exists() or path.is_symlink():
        raise UsageError(f"{path}: is there already and is no socket; remove it or choose another path")


def _bind(listener: socket.socket, path: Path) -> None:
    make_room(path)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise UsageError(f"{path}: no socket can be made there ({error}); choose another path") from error


class Session:
    """One client's time with the function; when it ends, the device is reset and reaches nothing."""

    def __init__(
        self, device: ServedDevice, connection: Connection, report: Callable[[str], None] = lambda text: None,
        pulled: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._device, self._connection, self._report, self._pulled = device, connection, report, pulled
        self._faults = self._reports = 0
        self._gone = False
        self._config = ConfigSpace(device.vectors)
        self._table = RangeTable()
        self._eventfds: dict[int, int] = {}
        self._pending = 0
        self._handlers: dict[int, Callable[[Message], bytes]] = {
            Command.VERSION: lambda message: version_payload(),
            Command.DMA_MAP: self._map,
            Command.DMA_UNMAP: self._unmap,
            Command.DEVICE_GET_INFO: lambda message: Structures.INFO.pack(16, 3, Region.COUNT, Region.IRQ_COUNT),
            Command.DEVICE_GET_REGION_INFO: self._region_info,
            Command.DEVICE_GET_IRQ_INFO: self._irq_info,
            Command.DEVICE_SET_IRQS: self._set_irqs,
            Command.REGION_READ: self._read,
            Command.REGION_WRITE: self._write,
            Command.DEVICE_RESET: self._reset,
        }

    def __enter__(self) -> Session:
        self._device.reset()
        return self

    def __exit__(self, *_: object) -> None:
        self._table.clear()
        self._reach()
        self._device.reset()
        for vector in list(self._eventfds):
            self._drop(vector)
        if self._reports > MOST_REPORTS:
            self._report(f"fault: {self._faults} accesses to what is not mapped in all")

    def run(self) -> None:
        """Answer until the client goes."""
        while True:
            self._device.run(self._connection.fileno())
            self._look()
            self._note(self._device.take_fault())
            self._deliver(self._device.take_vectors())
            if _readable(self._connection.fileno()):
                try:
                    self._answer(self._connection.receive())
                except DeviceGone:
                    return

    def _look(self) -> None:
        """Whether the card is in its slot; one that comes or goes does not know what was before."""
        if self._pulled() != self._gone:
            self._gone = not self._gone
            self._reset()

    def _note(self, fault: Fault | None) -> None:
        """Show in configuration space, and report, what the device did that it must not."""
        if fault is None:
            return
        self._config.master_abort()
        self._faults += fault.count
        self._reports += 1
        if self._reports <= MOST_REPORTS:
            self._report(f"fault: {fault}")

    def _answer(self, message: Message) -> None:
        handler = self._handlers.get(message.command)
        payload, error = b"", 0
        try:
            if handler is None:
                raise Refused(errno.ENOTSUP, f"command {message.command}")
            payload = handler(message)
        except Refused as refused:
            error = refused.number
        finally:
            for fd in message.fds:
                os.close(fd)
        if message.wants_reply:
            self._connection.reply(message, payload, error)

    # Memory.

    def _map(self, message: Message) -> bytes:
        _, flags, offset, address, size = Structures.MAP.unpack_from(message.payload)
        if not message.fds:
            raise Refused(errno.EINVAL, "memory without a file can't be reached")
        self._table.add(address, size, message.fds[0], offset, flags)
        self._reach()
        return b""

    def _unmap(self, message: Message) -> bytes:
        _, flags, address, size = Structures.UNMAP.unpack_from(message.payload)
        if flags & 2:
            self._table.clear()
        else:
            self._table.remove(address, size)
        self._reach()
        return message.payload[: Structures.UNMAP.size]

    def _reach(self) -> None:
        reaches = self._config.bus_master and not self._gone
        self._device.reach(self._table.ranges if reaches else np.zeros(0, RANGE))

    # Regions.

    def _region_info(self, message: Message) -> bytes:
        index = Structures.REGION_INFO.unpack_from(message.payload)[2]
        if index >= Region.COUNT:
            raise Refused(errno.EINVAL, f"region {index}")
        size = 256 if index == Region.CONFIG else BAR0_BYTES if index == 0 else 0
        return Structures.REGION_INFO.pack(Structures.REGION_INFO.size, 3 if size else 0, index, 0, size, 0)

    def _read(self, message: Message) -> bytes:
        offset, region, count = Structures.ACCESS.unpack_from(message.payload)
        data = NOBODY * count if self._gone else self._region(region, offset, count)
        return bytes(Structures.ACCESS.pack(offset, region, count)) + data

    def _region(self, region: int, offset: int, count: int) -> bytes:
        if region == Region.CONFIG:
            return self._config.read(offset, count)
        if region == 0:
            places = _words(offset, count)
            return b"".join(self._device.read32(place).to_bytes(4, "little") for place in places)
        return bytes(count)

    def _write(self, message: Message) -> bytes:
        offset, region, count = Structures.ACCESS.unpack_from(message.payload)
        data = message.payload[Structures.ACCESS.size :]
        if len(data) != count:
            raise Refused(errno.EINVAL, f"{len(data)} bytes came, {count} were told")
        if self._gone:
            pass
        elif region == Region.CONFIG:
            self._write_config(offset, data)
        elif region == 0:
            for place in _words(offset, count):
                self._device.write32(place, int.from_bytes(data[place - offset : place - offset + 4], "little"))
        return Structures.ACCESS.pack(offset, region, count)

    def _write_config(self, offset: int, data: bytes) -> None:
        if self._config.write(offset, data):
            self._reset()
        self._reach()

    def _reset(self, message: Message | None = None) -> bytes:
        """Function-level reset: registers and configuration as at power-up; mappings and eventfds are the client's."""
        self._config.reset()
        self._device.reset()
        self._reach()
        self._pending = 0
        return b""

    # Interrupts.

    def _irq_info(self, message: Message) -> bytes:
        index = Structures.IRQ_INFO.unpack_from(message.payload)[2]
        count = self._device.vectors if index == Region.MSIX_IRQ else 0
        return Structures.IRQ_INFO.pack(16, 9 if count else 0, index, count)

    def _set_irqs(self, message: Message) -> bytes:
        _, flags, index, start, count = Structures.SET_IRQS.unpack_from(message.payload)
        if index != Region.MSIX_IRQ:
            return b""
        if start + count > self._device.vectors:
            raise Refused(errno.EINVAL, f"vectors {start} + {count}")
        if flags & IrqFlags.DATA_EVENTFD or not count:
            vectors = range(start, start + count) if count else range(self._device.vectors)
            for vector in vectors:
                self._drop(vector)
            for vector, fd in zip(vectors, message.fds, strict=False):
                self._eventfds[vector] = os.dup(fd)
            self._deliver(0)
        elif flags & IrqFlags.DATA_NONE and flags & IrqFlags.TRIGGER:
            self._deliver(((1 << count) - 1) << start)
        return b""

    def _drop(self, vector: int) -> None:
        if vector in self._eventfds:
            os.close(self._eventfds.pop(vector))

    def _deliver(self, fired: int) -> None:
        """Signal what has fired; without an eventfd it stays pending."""
        self._pending |= fired
        for vector, fd in self._eventfds.items():
            if self._pending >> vector & 1:
                self._pending &= ~(1 << vector)
                os.write(fd, (1).to_bytes(8, "little"))


def _words(offset: int, count: int) -> range:
    if offset % 4 or count % 4 or offset + count > MSIX_TABLE:
        raise Refused(errno.EINVAL, f"registers are words: {count} bytes at {offset:#x}")
    return range(offset, offset + count, 4)


def _readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])
