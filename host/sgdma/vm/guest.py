"""A guest that runs commands: booted, spoken to over its control port, and ended with the context manager."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sgdma.closing import Closing
from sgdma.errors import GuestFailed
from sgdma.vm import frames
from sgdma.vm.initramfs import base_archive, package_tar
from sgdma.vm.machine import PLUG, SLOT, Settings, command_line, vfio_user
from sgdma.vm.obtain import Machinery, Tell, obtain, tell, vm_cache
from sgdma.vm.qmp import Monitor

__all__ = ["Guest", "Outcome"]

BOOT_LIMIT = 120.0
"""Seconds from QEMU's start to the agent's first word."""
FILE_LIMIT = 120.0
PLUG_LIMIT = 30.0
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

    `function`: socket of a vfio-user server, whose function is in the slot. `log`: where the console's log goes at the
    end.
    Raises GuestFailed with the console's last lines when it does not boot.
    """

    def __init__(
        self, settings: Settings | None = None, *, function: Path | None = None, log: Path | None = None,
        report: Tell = tell,
    ) -> None:  # fmt: skip
        settings = settings or Settings()
        machinery = obtain(report)
        archive = base_archive(machinery, report)
        state = state_file(machinery, archive, settings)
        self._log, started = log, time.monotonic()
        self._port: _Port | None = None
        self._monitor: Monitor | None = None
        self._place = Path(tempfile.mkdtemp(prefix="sgdma-vm-"))
        try:
            self._process = _start(command_line(machinery, archive, self._place, settings, state.exists()), self._place)
        except OSError as error:
            self._tidy()
            raise GuestFailed(f"{machinery.qemu[0]} does not start: {error}") from error
        try:
            self._begin(state, report)
            self.put(package_tar())
            if function:
                self.plug(function)
        except BaseException:
            self.close()
            raise
        self.boot_seconds = time.monotonic() - started
        """From QEMU's start to the guest's readiness, the package in it and the function in its slot."""

    def _begin(self, state: Path, report: Tell) -> None:
        """Wake the guest that was saved, or boot one and save it."""
        deadline = time.monotonic() + BOOT_LIMIT
        self._port = _Port(self._connected("control", deadline), self._failed)
        try:
            self._monitor = Monitor(self._connected("monitor", deadline))
            if state.exists():
                self._wake(state, deadline)
            else:
                report("booting the guest for the first time")
                self._port.expect(frames.READY, deadline)
                self._save(state, deadline)
        except GuestFailed as error:
            raise self._failed(str(error)) from error

    def _wake(self, state: Path, deadline: float) -> None:
        assert self._monitor
        try:
            self._monitor.command("migrate-incoming", uri=f"file:{state}")
            self._migrated(deadline)
        except GuestFailed:
            state.unlink(missing_ok=True)  # of another QEMU, or damaged: the next guest boots and saves anew
            raise
        self._monitor.command("cont")

    def _save(self, state: Path, deadline: float) -> None:
        """Write the guest's state down; it goes on afterwards."""
        assert self._monitor
        partial = state.with_name(f"{state.name}.{os.getpid()}")
        self._monitor.command("stop")
        try:
            self._monitor.command("migrate", uri=f"file:{partial}")
            self._migrated(deadline)
            partial.rename(state)
        finally:
            partial.unlink(missing_ok=True)
        self._monitor.command("cont")

    def _migrated(self, deadline: float) -> None:
        """Wait until the state is written or read."""
        assert self._monitor
        pause = threading.Event()
        while (status := self._monitor.command("query-migrate").get("status")) != "completed":
            if status in ("failed", "cancelled") or time.monotonic() > deadline:
                raise GuestFailed(f"QEMU did not get the guest's state through: {status}")
            pause.wait(0.02)

    def _connected(self, name: str, deadline: float) -> socket.socket:
        """A connection to one of the sockets that QEMU is about to make."""
        port, pause = socket.socket(socket.AF_UNIX), threading.Event()
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                port.connect(str(self._place / name))
                return port
            except (FileNotFoundError, ConnectionRefusedError):
                pause.wait(0.02)
        raise self._failed(f"QEMU opens no {name} socket")

    # What is in the slot.

    def plug(self, device: Path | Mapping[str, Any]) -> None:
        """Put a function into the slot: that of the vfio-user server at a socket, or a device of QEMU's.

        Returns when the guest has seen it. Raises GuestFailed when QEMU refuses it, or the guest sees nothing.
        """
        self._ask("device_add", **(vfio_user(device) if isinstance(device, Path) else device))
        self._until(f"[ -e /sys/bus/pci/devices/{SLOT}/config ]", f"nothing came up at {SLOT}")

    def unplug(self) -> None:
        """Take out what is in the slot; returns when the guest has let go of it.

        QEMU 11.1 ends (an assertion) when that is a vfio-user function with MSI-X: take those off the guest's bus only.
        """
        self._ask("device_del", id=PLUG)
        self._until(f"[ ! -e /sys/bus/pci/devices/{SLOT} ]", f"the guest does not let go of {SLOT}")

    def bind(self) -> None:
        """Give the slot's function to vfio-pci."""
        done = self.run(["python", "-c", f"from sgdma.pcie.bind import bind; bind({SLOT!r})"], limit=PLUG_LIMIT)
        if done.status:
            raise GuestFailed(f"{SLOT} is not bound to vfio-pci: {done.err.decode(errors='replace').strip()}")

    def _ask(self, command: str, **arguments: Any) -> None:
        assert self._monitor
        try:
            self._monitor.command(command, **arguments)
        except GuestFailed as error:
            raise self._failed(str(error)) from error

    def _until(self, condition: str, complaint: str) -> None:
        tries = int(PLUG_LIMIT / 0.1)
        script = f"for i in $(seq {tries}); do if {condition}; then exit 0; fi; sleep 0.1; done; exit 1"
        if self.run(["sh", "-c", script], limit=2 * PLUG_LIMIT).status:
            raise self._failed(complaint)

    # Commands.

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str = ".", limit: float = 600.0,
        out: Sink | None = None, err: Sink | None = None,
    ) -> Outcome:  # fmt: skip
        """Run a command to its end; `cwd` is absolute or below the guest's home.

        `out`, `err`: called with what it says as it says it; it is in the outcome as well.

        Raises GuestFailed when the guest ends first, or the command is not through within `limit` seconds: then the
        guest is ended, too.
        """
        assert self._port
        result, deadline = Outcome(), time.monotonic() + limit
        asked = {"argv": list(argv), "env": dict(env or {}), "cwd": cwd, "now": time.time()}
        self._port.send(frames.RUN, json.dumps(asked).encode())
        try:
            while (message := self._port.receive(deadline))[0] != frames.EXIT:
                kind, data = message
                if kind == frames.OUT:
                    result.out += data
                    (out or _ignore)(data)
                elif kind == frames.ERR:
                    result.err += data
                    (err or _ignore)(data)
        except GuestFailed:
            self._process.kill()  # a command runs in it that nobody waits for
            self._process.wait(END_LIMIT)
            raise
        result.status = json.loads(message[1])["status"]
        return result

    def put(self, tar: bytes) -> None:
        """Unpack a tar at the guest's root."""
        assert self._port
        self._port.send(frames.PUT, tar)
        self._port.expect(frames.EXIT, time.monotonic() + FILE_LIMIT)

    def fetch(self, path: str, into: Path) -> Path:
        """Copy a file or a directory of the guest, absolute or below its home, into `into`; returns where it is."""
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

    def __init__(self, port: socket.socket, failed: Callable[[str], GuestFailed]) -> None:
        self._socket, self._failed = port, failed

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


def state_file(machinery: Machinery, archive: Path, settings: Settings) -> Path:
    """Where the state of the guest is kept that these would boot to."""
    words = command_line(machinery, archive, Path(), settings)
    return vm_cache() / f"ready-{hashlib.sha256(repr(words).encode()).hexdigest()[:16]}.state"


def _ignore(data: bytes) -> None:
    """What nobody listens to."""
