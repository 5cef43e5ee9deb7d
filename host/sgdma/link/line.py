"""An emulated serial line between a pty, which the host opens, and a board: exact in rate, late as USB adapters are.

A byte takes ten bits. Bytes towards the host wait in the adapter, from the first one on for its latency, and go
together. Host and board must agree on the rate, else each hears noise. Faults, a pulled cable and a board's reset are
there to be had. One thread; times are real.
"""

from __future__ import annotations

import os
import select
import tempfile
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

from serial.serialposix import PlatformSpecific

from sgdma.closing import Closing
from sgdma.link.boards import BoardEnd
from sgdma.link.faults import Faults

__all__ = ["Lane", "Line"]

BUFFER = 8192
"""Bytes that wait to be sent, at most: then the sender waits."""
STEP = 0.0005
"""Seconds of line time that are moved at once at most."""
_BAUDS: dict[int, int] = {code: baud for baud, code in PlatformSpecific.BAUDRATE_CONSTANTS.items()}


class Lane:
    """One direction: bytes in, and out again when they have crossed the wire. `faults` may be changed at any time."""

    def __init__(self, faults: Faults | None) -> None:
        self.faults, self.moved = faults, 0
        self._waiting: deque[tuple[float, float, bytes]] = deque()  # when the first starts, seconds a byte, bytes
        self._free = 0.0

    @property
    def pending(self) -> int:
        """Bytes not across yet."""
        return sum(len(data) for _, _, data in self._waiting)

    def send(self, data: bytes, now: float, baud: float) -> None:
        """Bytes that begin to cross at `now`, or behind those before them."""
        start = max(now, self._free)
        self._waiting.append((start, 10 / baud, data))
        self._free = start + len(data) * 10 / baud

    def due(self, now: float) -> float | None:
        """When to look again; None when nothing is on the wire."""
        if not self._waiting:
            return None
        start, each, data = self._waiting[0]
        return max(start + each, min(start + each * len(data), now + STEP))

    def first_at(self) -> float:
        """When the next byte is across; infinite when there is none."""
        return self._waiting[0][0] + self._waiting[0][1] if self._waiting else float("inf")

    def arrived(self, now: float, hear: Callable[[bytes, float], bytes]) -> bytes:
        """What is across by `now`: as `hear` makes it of bytes and their rate, and then damaged as the faults will."""
        result = bytearray()
        while self._waiting:
            start, each, data = self._waiting[0]
            count = min(int((now - start) / each + 1e-6), len(data))
            if count < 1:
                break
            self.moved += count
            result += hear(data[:count], 10 / each)
            if count < len(data):
                self._waiting[0] = start + count * each, each, data[count:]
                break
            self._waiting.popleft()
        return self.faults.apply(bytes(result), now) if self.faults and result else bytes(result)

    def clear(self) -> None:
        """All that is on the wire is lost."""
        self._waiting.clear()
        self._free = 0.0


class Line(Closing):
    """The line; open `port` as any serial device, close the line when done (a context manager).

    `latency`: seconds. `baud`: the host's rate when it should not be asked from the pty. `limit`: the fastest rate, in
    baud, that the cable carries; above it, about one byte in a hundred is damaged. `down`, `up`: faults on the way to
    the board and to the host.
    """

    def __init__(
        self, board: BoardEnd, latency: float = 0.001, baud: int | None = None, down: Faults | None = None,
        up: Faults | None = None, limit: int | None = None,
    ) -> None:  # fmt: skip
        self.board, self.latency, self._baud, self.limit = board, latency, baud, limit
        self.down, self.up = Lane(down), Lane(up)
        self._noise = Faults("noise", 100)
        self._adapter, self._adapter_due = bytearray(), 0.0
        self._calls: deque[str] = deque()
        self._directory = tempfile.TemporaryDirectory(prefix="sgdma-line-")
        self.port = str(Path(self._directory.name) / "port")
        self._wake, self._waker = os.pipe()
        self._master = -1
        self._plug()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def call(self, what: str) -> None:
        """``unplug``, ``plug``, ``reset`` (the board), or ``close``; done by the line's thread."""
        self._calls.append(what)
        os.write(self._waker, b"!")

    def close(self) -> None:
        """The cable is out for good."""
        self.call("close")
        self._thread.join(5)
        self._directory.cleanup()

    # The thread's.

    def _run(self) -> None:
        while True:
            self._wait()
            while self._calls:
                what = self._calls.popleft()
                if what == "close":
                    self._unplug()
                    os.close(self._wake)
                    os.close(self._waker)
                    return
                {"unplug": self._unplug, "plug": self._plug, "reset": self.board.reset}[what]()
            self._move(time.monotonic())

    def _wait(self) -> None:
        now = time.monotonic()
        times = [due for lane in (self.down, self.up) if (due := lane.due(now)) is not None]
        if self._adapter:
            times.append(self._adapter_due)
        files = [self._wake]
        if self._master >= 0 and self.down.pending < BUFFER:
            files.append(self._master)
        source = getattr(self.board, "fileno", None)
        if source is not None and self.up.pending < BUFFER:
            files.append(source())
        limit = max(min(times, default=now + 0.005) - now, 0.0)
        ready = select.select(files, [], [], limit)[0]
        if self._wake in ready:
            os.read(self._wake, 64)
        if self._master in ready:
            self._take()

    def _take(self) -> None:
        try:
            data = os.read(self._master, BUFFER - self.down.pending)
        except OSError:  # the host has closed it: wait for another
            select.select([self._wake], [], [], 0.002)
            return
        if data:
            self.down.send(data, time.monotonic(), self._host_baud())

    def _move(self, now: float) -> None:
        speaks = self.board.baud or self._host_baud()
        first = min(self.down.first_at(), now)  # a late thread makes no gap between bytes that came in time
        heard = self.down.arrived(now, lambda data, baud: self._heard(data, baud, speaks))
        answer = self.board.feed(b"", first) + (self.board.feed(heard, now) if heard else b"")
        if answer:
            self.up.send(answer, now, speaks)
        host = self._host_baud() if self.up.pending else 0
        arrived = self.up.arrived(now, lambda data, baud: self._heard(data, baud, host))
        if arrived and not self._adapter:
            self._adapter_due = now + self.latency
        self._adapter += arrived
        if self._adapter and now >= self._adapter_due:
            self._deliver()

    def _heard(self, data: bytes, baud: float, own: float) -> bytes:
        """What a receiver at its `own` rate makes of bytes sent at `baud`, over a cable that may be too slow."""
        if abs(baud - own) > 0.04 * own:
            return bytes(byte ^ 0x5A for byte in data[::3])
        if self.limit and baud > self.limit:
            return self._noise.apply(data, 0.0)
        return data

    def _deliver(self) -> None:
        sent = len(self._adapter)
        if self._master >= 0:
            try:
                sent = os.write(self._master, self._adapter)
            except BlockingIOError:  # the host does not read: it waits in the adapter
                sent = 0
            except OSError:
                pass
        del self._adapter[:sent]
        self._adapter_due = time.monotonic() + STEP

    def _host_baud(self) -> int:
        if self._baud:
            return self._baud
        try:
            return _BAUDS.get(termios.tcgetattr(self._master)[5], 115_200)
        except (termios.error, OSError, ValueError):
            return 115_200

    def _plug(self) -> None:
        if self._master < 0:
            self._master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(self._master, False)
            link = Path(self.port)
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(slave))
            os.close(slave)

    def _unplug(self) -> None:
        if self._master >= 0:
            Path(self.port).unlink(missing_ok=True)
            os.close(self._master)
            self._master = -1
        self.down.clear()
        self.up.clear()
        self._adapter.clear()
