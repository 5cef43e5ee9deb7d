"""LiteX's UARTBone from the host's side: a bus of 32-bit words behind a serial port, by pyserial.

A frame is a command, a count of words (1..255), a big-endian word address and, for writes, the words, big-endian too;
a read is answered by its words alone (LiteX, litex/soc/cores/uart.py). Writes are not acknowledged; the gateware
forgets half a frame after 100 ms. Requests are sent ahead of their answers, as far as `AHEAD` bytes of answer may wait
on the way, so that a long read costs one turn-around and not one a frame.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import serial

from sgdma.errors import LinkError, PortBusy

__all__ = ["UartBone"]

U32 = npt.NDArray[np.uint32]
WRITE, READ = 1, 2
WORDS = 255
AHEAD = 4096


class UartBone:
    """An open serial port with the protocol on it.

    `port`: a device, a pty or a pyserial URL (``socket://host:port``). `baud`: bits per second. `timeout`: seconds
    without a byte after which the link counts as down. Raises PortBusy with the owner, LinkError.
    """

    def __init__(self, port: str, baud: int, timeout: float) -> None:
        self.port, self._timeout = port, timeout
        try:
            self._serial = serial.serial_for_url(port, baudrate=baud, timeout=timeout, write_timeout=timeout,
                                                 do_not_open=True)  # fmt: skip
            if "://" not in port:
                self._serial.exclusive = True
            self._serial.open()
        except serial.SerialException as error:
            if "exclusively lock" in str(error):
                raise PortBusy(f"{port} is in use{_owner(port)}; end that first") from error
            remedy = "is the board connected, and may you use the port?"
            raise LinkError(f"{port} can't be opened: {error}; {remedy}") from error

    def read(self, address: int, count: int) -> U32:
        """`count` words from byte `address`. Raises LinkError when the answer does not come whole."""
        frames = [(address + 4 * place, min(WORDS, count - place)) for place in range(0, count, WORDS)]
        answer, asked, total = bytearray(), 0, 4 * count
        for start, words in frames:
            while asked - len(answer) > AHEAD:
                answer += self._take(4 * WORDS)
            self._send(_head(READ, words, start))
            asked += 4 * words
        while len(answer) < total:
            answer += self._take(total - len(answer))
        return np.frombuffer(bytes(answer), ">u4").astype(np.uint32)

    def write(self, address: int, values: npt.ArrayLike) -> None:
        """Words to byte `address` on, in one go."""
        words = np.ascontiguousarray(values, dtype=">u4")
        frames = bytearray()
        for place in range(0, len(words), WORDS):
            part = words[place : place + WORDS]
            frames += _head(WRITE, len(part), address + 4 * place) + part.tobytes()
        self._send(bytes(frames))

    def close(self) -> None:
        """Let the port go."""
        self._serial.close()

    def _send(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"{self.port}: writing failed: {error}; is the board still there?") from error

    def _take(self, size: int) -> bytes:
        try:
            data = bytes(self._serial.read(size))
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"{self.port}: reading failed: {error}; is the board still there?") from error
        if not data:
            raise LinkError(f"{self.port}: no answer within {self._timeout:g} s; check baud rate, cable, and that the "
                            "board holds a bitstream with a UARTBone")  # fmt: skip
        return data


def _head(command: int, words: int, address: int) -> bytes:
    return bytes((command, words)) + (address >> 2).to_bytes(4, "big")


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
