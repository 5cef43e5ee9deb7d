"""A guest that runs commands: booted, spoken to over its control port, and ended with the context manager."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sgdma.closing import Closing
from sgdma.errors import GuestFailed
from sgdma.vm import frames
from sgdma.vm.initramfs import base_archive, package_tar
from sgdma.vm.machine import PLUG, Settings, command_line, vfio_user
from sgdma.vm.obtain import Tell, obtain, tell
from sgdma.vm.qmp import Monitor

__all__ = ["Guest", "Outcome"]

BOOT_LIMIT = 120.0
"""Seconds from QEMU's start to the agent's first word."""
FILE_LIMIT = 120.0
END_LIMIT = 5.0
TAIL = 15
"""Lines of the console that an error shows."""

Sink = Callable[[bytes], None]


class Outcome:
    """What a command in the guest said, and how it ended."""

    def __init__(self) -> None:
        self.status, self.out, self.err = -1, b"", b""

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode(errors="replace")


class Guest(Closing):
    """A running guest with this checkout's package in it.

    `socket`: a vfio-user server whose function is in the slot. `log`: where the console's log goes when the guest ends.
    Raises GuestFailed with the console's last lines when it does not boot.
    """

    def __init__(
        self, settings: Settings | None = None, *, socket: Path | None = None, log: Path | None = None,
        report: Tell = tell,
    ) -> None:  # fmt: skip
        machinery = obtain(report)
        archive = base_archive(machinery, report)
        self._place = Path(tempfile.mkdtemp(prefix="sgdma-vm-"))
        self._log, self._port, self._monitor = log, None, None  # type: tuple[Path | None, _Port | None, Monitor | None]
        started = time.monotonic()
        try:
            self._process = _start(command_line(machinery, archive, self._place, settings or Settings()), self._place)
        except OSError as error:
            self._tidy()
            raise GuestFailed(f"{machinery.qemu[0]} does not start: {error}") from error
        try:
            self._boot(socket)
        except BaseException:
            self.close()
            raise
        self.boot_seconds = time.monotonic() - started
        """From QEMU's start to the guest's readiness, the package in it."""

    def _boot(self, function: Path | None) -> None:
        deadline = time.monotonic() + BOOT_LIMIT
        self._port = _Port(self._place / "control", deadline, self._failed)
        try:
            self._monitor = Monitor(self._place / "monitor")
        except GuestFailed as error:
            self._process.wait(END_LIMIT)
            raise self._failed(str(error)) from error
        self._port.expect(frames.READY, deadline)
        self._port.send(frames.PUT, package_tar())
        self._port.expect(frames.EXIT, time.monotonic() + FILE_LIMIT)
        if function:
            self.plug(function)

    # What is in the slot.

    def plug(self, function: Path) -> None:
        """Put the function of the vfio-user server at socket `function` into the slot."""
        assert self._monitor
        self._monitor.command("device_add", **vfio_user(function))

    def unplug(self) -> None:
        """Ask the guest to let go of what is in the slot."""
        assert self._monitor
        self._monitor.command("device_del", id=PLUG)

    # Commands.

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str = "/root", limit: float = 600.0,
        out: Sink | None = None, err: Sink | None = None,
    ) -> Outcome:  # fmt: skip
        """Run a command to its end. `out`, `err`: called with what it says as it says it; it is in the outcome as well.

        Raises GuestFailed when the guest ends first, or the command is not through within `limit` seconds: then the
        guest is ended, too.
        """
        assert self._port
        result, deadline = Outcome(), time.monotonic() + limit
        self._port.send(frames.RUN, json.dumps({"argv": list(argv), "env": dict(env or {}), "cwd": cwd}).encode())
        while True:
            kind, data = self._port.receive(deadline)
            if kind == frames.OUT:
                result.out += data
                (out or _ignore)(data)
            elif kind == frames.ERR:
                result.err += data
                (err or _ignore)(data)
            elif kind == frames.EXIT:
                result.status = json.loads(data)["status"]
                return result

    def put(self, tar: bytes) -> None:
        """Unpack a tar at the guest's root."""
        assert self._port
        self._port.send(frames.PUT, tar)
        self._port.expect(frames.EXIT, time.monotonic() + FILE_LIMIT)

    def fetch(self, path: str, into: Path) -> Path:
        """Copy a file or a directory of the guest below `into`; returns where it is."""
        assert self._port
        self._port.send(frames.GET, json.dumps({"path": path}).encode())
        data = self._port.expect(frames.TAR, time.monotonic() + FILE_LIMIT)
        into.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(into, filter="data")
        return into / Path(path).name

    # The end.

    @property
    def console(self) -> str:
        """The console so far."""
        log = self._place / "console.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _failed(self, reason: str) -> GuestFailed:
        said = [line.rstrip() for line in self.console.splitlines() if line.strip()][-TAIL:]
        qemu = (self._place / "qemu.log").read_text(errors="replace").strip()
        ended = self._process.poll()
        fate = "" if ended is None else f" (QEMU ended with {ended})"
        return GuestFailed("\n".join([f"the guest failed: {reason}{fate}", *filter(None, [qemu]), *said]))

    def close(self) -> None:
        if not self._place.exists():
            return
        for part in (self._port, self._monitor):
            if part:
                part.close()
        self._process.kill()
        self._process.wait(END_LIMIT)
        self._tidy()

    def _tidy(self) -> None:
        if self._log and (self._place / "console.log").exists():
            shutil.copy(self._place / "console.log", self._log)
        shutil.rmtree(self._place, ignore_errors=True)


class _Port(Closing):
    """The control port, seen from the host."""

    def __init__(self, path: Path, deadline: float, failed: Callable[[str], GuestFailed]) -> None:
        self._failed = failed
        self._socket = socket.socket(socket.AF_UNIX)
        _connect(self._socket, path, deadline, failed)

    def send(self, kind: bytes, data: bytes = b"") -> None:
        try:
            self._socket.settimeout(FILE_LIMIT)
            self._socket.sendall(frames.pack(kind, data))
        except OSError as error:
            raise self._failed(f"it takes no command: {error}") from error

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        """The next message, unless it is FAIL: that raises GuestFailed."""
        try:
            kind, data = frames.receive(lambda size: self._read(size, deadline))
        except TimeoutError as error:
            raise self._failed("it has not answered in time") from error
        except (OSError, EOFError) as error:
            raise self._failed(f"it ended before the command in it did: {error}") from error
        if kind == frames.FAIL:
            raise GuestFailed(f"the guest can't do that: {data.decode(errors='replace')}")
        return kind, data

    def _read(self, size: int, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv(size)

    def expect(self, kind: bytes, deadline: float) -> bytes:
        """The contents of the next message, which must be of that kind."""
        got, data = self.receive(deadline)
        if got != kind:
            raise self._failed(f"it said {got!r} where {kind!r} was due")
        return data

    def close(self) -> None:
        self._socket.close()


def _start(command: list[str], place: Path) -> subprocess.Popen[bytes]:
    """QEMU, in a session of its own, so that Ctrl-C reaches this process alone; killed with this process."""
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with (place / "qemu.log").open("wb") as log:
        return subprocess.Popen(
            [*guard, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _connect(port: socket.socket, path: Path, deadline: float, failed: Callable[[str], GuestFailed]) -> None:
    """Connect to a socket that QEMU is about to make."""
    import threading

    pause = threading.Event()
    while time.monotonic() < deadline:
        try:
            port.connect(str(path))
            return
        except (FileNotFoundError, ConnectionRefusedError):
            reason = failed("")
            if "QEMU ended" in str(reason):
                raise failed("it did not start") from None
            pause.wait(0.02)
    raise failed("its control port does not open")


def _ignore(data: bytes) -> None:
    """What nobody listens to."""
