"""Builds a serial board in Verilator and runs it as the board's end of an emulated line."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import struct
import subprocess
from pathlib import Path

from filelock import FileLock

from sgdma.errors import SimulatorBuildError
from sgdma.paths import build_cache
from sgdma.targets.sim.build import verilator_environment

__all__ = ["GatewareBoard"]

MAIN = Path(__file__).with_name("main.cpp")
FASTEST = ["-O3", "--x-assign", "fast", "--x-initial", "fast", "-Wno-fatal", "-Wno-lint", "-Wno-style"]
TICK, LONGEST = 500, 20_000
"""Microseconds: of time that is told at once, and of a pause."""


class GatewareBoard:
    """Gateware in a process of its own (see :mod:`sgdma.link.boards`). `base`: its rate at reset, in baud."""

    def __init__(self, bone: bool = False, base: int = 115_200) -> None:
        from serial_boards.design import CLOCK, SLOWER

        self._clock, self._at = CLOCK, 0.0
        self._rate = self._next = None if bone else float(base)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._socket = ours
        command = [str(_built(bone, base)), str(theirs.fileno()), str(CLOCK // SLOWER)]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE)
        theirs.close()
        assert self._process.stdout is not None
        self._told = self._process.stdout.fileno()
        os.set_blocking(self._told, False)

    @property
    def baud(self) -> float | None:
        """Rate of its tuning word; None for a UARTBone, which has none here."""
        self._rate = self._next
        return self._rate

    def fileno(self) -> int:
        """To be waited on: it answers when it likes."""
        return self._socket.fileno()

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes to the gateware, or the time that has passed without; what has come from it."""
        passed = int(1e6 * (now - self._at)) if self._at else 0
        if data or passed >= TICK:
            pause = 0 if data else min(passed, LONGEST)
            self._at = now
            self._socket.setblocking(True)
            self._socket.sendall(struct.pack("<II", pause, len(data)) + data)
            self._socket.setblocking(False)
        self._next = self._told_rate()  # from the next bytes on: what is here now left before it
        try:
            return self._socket.recv(1 << 16)
        except BlockingIOError:
            return b""

    def _told_rate(self) -> float | None:
        try:
            words = os.read(self._told, 4096).split()
        except BlockingIOError:
            return self._next
        return int(words[-1]) * self._clock / 2**32 or self._next if words else self._next

    def reset(self) -> None:
        """By its reset; memory keeps what it holds."""
        self._process.send_signal(signal.SIGUSR1)

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.wait(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> GatewareBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _built(bone: bool, base: int) -> Path:
    """The executable, made when it isn't there. Raises MissingSimulator, SimulatorBuildError."""
    from serial_boards.design import TOP, verilog

    code = verilog(bone, base)
    lines = [line for line in code.splitlines() if not line.startswith("//")]  # LiteX writes the date there
    key = hashlib.sha256("\n".join(lines).encode() + MAIN.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    directory = build_cache() / "serial" / f"{'bone' if bone else 'reliable'}-{key}"
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / f"V{TOP}"
    with FileLock(directory / "lock"):
        if not program.exists():
            (directory / f"{TOP}.v").write_text(code, encoding="utf-8")
            command = ["verilator", "--cc", "--exe", "--build", "-j", "1", *FASTEST, "--top-module", TOP,
                       "-CFLAGS", "-std=gnu++20", "--Mdir", str(directory), str(directory / f"{TOP}.v"),
                       str(MAIN)]  # fmt: skip
            done = subprocess.run(command, env=verilator_environment(), capture_output=True, text=True, check=False)
            if done.returncode:
                raise SimulatorBuildError(f"the serial board did not build\n{(done.stdout + done.stderr)[-2000:]}")
    return program
