"""vfio-user on the wire: messages over a UNIX socket, file descriptors beside them. For client and server.

The protocol is QEMU's docs/interop/vfio-user.rst, version 0.0. Each message is one header of 16 bytes and its payload;
descriptors travel with the header's first byte.
"""

from __future__ import annotations

import enum
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from sgdma.closing import Closing
from sgdma.errors import DeviceGone

__all__ = ["CAPABILITIES", "Command", "Connection", "IrqFlags", "Message", "Region", "Structures", "version_payload"]

HEADER = struct.Struct("<HHIII")
REPLY, NO_REPLY, ERROR = 0x1, 0x10, 0x20
MOST_FDS = 8
MOST_BYTES = 1 << 20
CAPABILITIES = {"max_msg_fds": MOST_FDS, "max_data_xfer_size": MOST_BYTES, "pgsizes": 4096, "max_dma_maps": 65535}


class Command(enum.IntEnum):
    """What a message asks for."""

    VERSION = 1
    DMA_MAP = 2
    DMA_UNMAP = 3
    DEVICE_GET_INFO = 4
    DEVICE_GET_REGION_INFO = 5
    DEVICE_GET_REGION_IO_FDS = 6
    DEVICE_GET_IRQ_INFO = 7
    DEVICE_SET_IRQS = 8
    REGION_READ = 9
    REGION_WRITE = 10
    DMA_READ = 11
    DMA_WRITE = 12
    DEVICE_RESET = 13


class Region(enum.IntEnum):
    """The region beside the BARs, which are 0 to 5; how many there are; MSI-X among the kinds of interrupt."""

    CONFIG = 7
    COUNT = 9
    MSIX_IRQ = 2
    IRQ_COUNT = 5


class IrqFlags(enum.IntFlag):
    """Of DEVICE_SET_IRQS."""

    DATA_NONE = 1
    DATA_BOOL = 2
    DATA_EVENTFD = 4
    MASK = 8
    UNMASK = 16
    TRIGGER = 32


class Structures:
    """Fixed parts of payloads; `argsz`, where there is one, is the size of the structure."""

    VERSION = struct.Struct("<HH")  # major, minor; then JSON
    MAP = struct.Struct("<IIQQQ")  # argsz, flags (1 device may read, 2 may write), offset in the file, address, size
    UNMAP = struct.Struct("<IIQQ")  # argsz, flags (2: all), address, size
    INFO = struct.Struct("<IIII")  # argsz, flags (1 reset, 2 PCI), regions, kinds of interrupt
    REGION_INFO = struct.Struct("<IIIIQQ")  # argsz, flags (1 read, 2 write, 4 mmap), index, capabilities, size, offset
    IRQ_INFO = struct.Struct("<IIII")  # argsz, flags (1 eventfd, 8 no resize), index, count
    SET_IRQS = struct.Struct("<IIIII")  # argsz, flags, index, start, count
    ACCESS = struct.Struct("<QII")  # offset, region, count; then data


@dataclass
class Message:
    """One message taken off the wire. ``error``: errno of a reply, 0 for none."""

    number: int
    command: int
    flags: int
    error: int
    payload: bytes
    fds: list[int] = field(default_factory=list)

    @property
    def wants_reply(self) -> bool:
        """Whether its sender waits for an answer."""
        return not self.flags & NO_REPLY


def version_payload() -> bytes:
    """What each side says of itself first."""
    text = json.dumps({"capabilities": CAPABILITIES}).encode() + b"\0"
    return Structures.VERSION.pack(0, 0) + text


class Connection(Closing):
    """A stream socket that carries messages, in both roles. Raises :class:`DeviceGone` when its other end has gone."""

    def __init__(self, stream: socket.socket, peer: str) -> None:
        self._socket, self._peer, self._number = stream, peer, 0

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def receive(self) -> Message:
        """The next message, waiting for it as long as the socket's time-out allows."""
        header, fds = self._header()
        number, command, size, flags, error = HEADER.unpack(header)
        if not HEADER.size <= size <= HEADER.size + MOST_BYTES + 64:
            raise DeviceGone(f"{self._peer}: a message of {size} bytes; this is no vfio-user")
        return Message(number, command, flags, error, self._exactly(size - HEADER.size), fds)

    def _header(self) -> tuple[bytes, list[int]]:
        try:
            header, fds, _, _ = socket.recv_fds(self._socket, HEADER.size, MOST_FDS)
        except OSError as error:
            raise self._gone(error) from error
        if not header:
            raise self._gone("closed by its other end")
        return header + self._exactly(HEADER.size - len(header)), fds

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                part = self._socket.recv(size - len(data))
            except OSError as error:
                raise self._gone(error) from error
            if not part:
                raise self._gone("closed by its other end")
            data += part
        return data

    def send(self, command: int, payload: bytes, fds: list[int] | None = None, *, posted: bool = False) -> int:
        """Send a command; its number. `posted`: no reply is wanted."""
        self._number = (self._number + 1) & 0xFFFF
        flags = NO_REPLY if posted else 0
        self._put(HEADER.pack(self._number, command, HEADER.size + len(payload), flags, 0) + payload, fds or [])
        return self._number

    def reply(self, to: Message, payload: bytes = b"", error: int = 0) -> None:
        """Answer a command; `error` an errno."""
        flags = REPLY | (ERROR if error else 0)
        self._put(HEADER.pack(to.number, to.command, HEADER.size + len(payload), flags, error) + payload, [])

    def call(self, command: int, payload: bytes, fds: list[int] | None = None) -> Message:
        """Send a command and wait for its reply, whose ``error`` is left to the caller."""
        number = self.send(command, payload, fds)
        answer = self.receive()
        if answer.number != number or not answer.flags & REPLY:
            raise DeviceGone(f"{self._peer}: message {answer.number} came where reply {number} was due")
        return answer

    def _put(self, data: bytes, fds: list[int]) -> None:
        try:
            sent = socket.send_fds(self._socket, [data], fds) if fds else 0
            self._socket.sendall(data[sent:])
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, why: Any) -> DeviceGone:
        return DeviceGone(f"{self._peer}: the vfio-user connection failed ({why}); connect anew")

    def close(self) -> None:
        self._socket.close()
