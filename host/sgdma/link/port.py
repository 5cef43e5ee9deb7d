"""A serial port by pyserial: a device, a pty or one of its URLs, opened for this process alone."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from pathlib import Path

import serial

from sgdma.errors import LinkError, PortBusy, PortGone

__all__ = ["Port"]

MOST = 1 << 16
"""Bytes taken at once."""
PART = 1024
"""Bytes that must be taken within the time-out of a write."""
PAUSE = 0.02
"""Seconds between two attempts to open a port that has gone, and longest wait on a port that can't be waited for."""


class Port:
    """An open port.

    `name`: a device, a pty or a pyserial URL (``socket://host:port``, ``rfc2217://host:port``). `baud`: bits a second.
    `timeout`: seconds that a write may take. Raises PortBusy with the owner, LinkError.
    """

    def __init__(self, name: str, baud: int, timeout: float) -> None:
        self.name, self.baud, self.timeout = name, baud, timeout
        self._serial = self._opened()

    @property
    def has_rate(self) -> bool:
        """Whether the host sets the line's baud rate; the other end of a plain socket has one of its own."""
        return not self.name.startswith("socket://")

    def receive(self, limit: float) -> bytes:
        """What has come; when nothing has, wait `limit` seconds for it. Raises PortGone."""
        try:
            file = self._file()
            if file is None:
                return self._polled(limit)
            if not select.select([file], [], [], max(limit, 0.0))[0]:
                return b""
            data = os.read(file, MOST)
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortGone(f"{self.name}: reading failed: {error}; is the board still there?") from error
        if not data:
            raise PortGone(f"{self.name}: its other end has gone; is the board still there?")
        return data

    def send(self, data: bytes) -> None:
        """Raises PortGone, also when the bytes are not taken within `timeout`."""
        try:
            for place in range(0, len(data), PART):  # the time-out is that of one call
                self._serial.write(data[place : place + PART])
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortGone(f"{self.name}: writing failed: {error}; is the board still there?") from error

    def drain(self, quiet: float, limit: float = 1.0) -> int:
        """Drop what comes until nothing has for `quiet` seconds, for `limit` seconds at most; how many bytes."""
        dropped, end = 0, time.monotonic() + limit
        while time.monotonic() < end and (data := self.receive(quiet)):
            dropped += len(data)
        return dropped

    def set_baud(self, baud: int) -> None:
        """Another rate from the next byte on; what was sent before has left."""
        try:
            self._serial.flush()
            self._serial.baudrate = self.baud = baud
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortGone(f"{self.name}: no rate of {baud} baud: {error}; give a lower one as baud=") from error

    def reopen(self, end: float) -> None:
        """Open it anew, as often as it takes until `end` (time.monotonic). Raises LinkError when it never succeeds."""
        self.close()
        while True:
            try:
                self._serial = self._opened()
                return
            except LinkError:
                if time.monotonic() >= end:
                    raise
                select.select([], [], [], PAUSE)

    def close(self) -> None:
        """Let the port go."""
        with contextlib.suppress(serial.SerialException, OSError):
            self._serial.close()

    def _opened(self) -> serial.SerialBase:
        name = self.name
        try:
            opened = serial.serial_for_url(name, baudrate=self.baud, timeout=PAUSE, write_timeout=self.timeout,
                                           do_not_open=True)  # fmt: skip
            if "://" not in name:
                opened.exclusive = True
            opened.open()
            _no_delay(opened)
        except (serial.SerialException, OSError, ValueError) as error:
            if "exclusively lock" in str(error):
                raise PortBusy(f"{name} is in use{_owner(name)}; end that first") from error
            remedy = "is the board connected, and may you use the port?"
            raise LinkError(f"{name} can't be opened: {error}; {remedy}") from error
        return opened

    def _file(self) -> int | None:
        try:
            return int(self._serial.fileno())
        except (AttributeError, OSError):
            return None

    def _polled(self, limit: float) -> bytes:
        """For ports that have no file to wait on: pyserial's own time-out is the pace."""
        end = time.monotonic() + limit
        while True:
            data = bytes(self._serial.read(max(self._serial.in_waiting, 1)))
            if data or time.monotonic() >= end:
                return data


def _no_delay(opened: serial.SerialBase) -> None:
    """A frame on a socket leaves at once, not when the last one has been acknowledged."""
    connection = getattr(opened, "_socket", None)
    if isinstance(connection, socket.socket) and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _owner(port: str) -> str:
    """`` by NAME (process N)`` where the system tells."""
    real = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            files = (os.path.realpath(file) for file in (process / "fd").iterdir())
            if process.name != str(os.getpid()) and real in files:
                return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return ""
