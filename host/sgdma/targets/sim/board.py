"""The virtual board: a board's whole SoC in Verilator, behind a pseudo-terminal and a TCP port.

Built once and cached like the simulator of `sim:`; the program is cocotb_tests/tb/board.cpp.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from sgdma.closing import Closing
from sgdma.errors import SimulatorBuildError, SimulatorDied
from sgdma.paths import build_cache, checkout_root
from sgdma.spec.build import BuildParameters
from sgdma.targets.sim.build import output_to, verilator_environment

__all__ = ["BoardBuild", "VirtualBoard", "build_board"]

WARNINGS = ("-Wno-fatal", "-Wno-lint", "-Wno-TIMESCALEMOD", "-Wno-style")


@dataclass(frozen=True)
class BoardBuild:
    """A virtual board ready to start; `directory` holds the program, the design and its ``csr.json``."""

    directory: Path
    content_hash: int


def build_board(parameters: BuildParameters, options: Any, *, waves: bool = False) -> BoardBuild:
    """The virtual board with a core for `parameters`; `options`: sgdma_soc's BoardOptions.

    Raises BuildParameterError, MissingSimulator, SimulatorBuildError (with the tail of the log and its path).
    """
    from sgdma_soc.board.build import expected_hash
    from sgdma_soc.boards import board

    root, virtual = checkout_root(), board("virtual")
    content = expected_hash(virtual, parameters, options, root)
    program = root / "cocotb_tests" / "tb" / "board.cpp"
    key = hashlib.sha256(f"{content:032x}{waves}{sys.version}".encode() + program.read_bytes()
                         + Path(__file__).read_bytes()).hexdigest()[:16]  # fmt: skip
    directory = build_cache() / "board" / f"{Path(parameters.rules).stem}-{parameters.data_width}-{key}"
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / "lock"):
        if not (directory / "ready").exists():
            sys.stderr.write(f"sgdma: building the virtual board; log in {directory / 'build.log'}\n")
            sys.stderr.flush()
            _make(virtual, parameters, options, root, directory, waves)
            (directory / "ready").write_text("")
    return BoardBuild(directory, content)


def _make(virtual: Any, parameters: BuildParameters, options: Any, root: Path, directory: Path, waves: bool) -> None:
    log = directory / "build.log"
    with log.open("w", encoding="utf-8") as sink, output_to(sink.fileno()):
        from sgdma_soc.board.build import write_design

        build = write_design(virtual, parameters, options, root, directory)
        flags = f"-std=gnu++20 -DCLOCK_HZ={parameters.clock_hz}.0 -DBITS={int(options.bits)}"
        gateware = directory / "gateware"
        verilator = [
            "verilator", "-cc", "--exe", "-Mdir", str(directory), "--prefix", "Vtop", "-o", "board",
            "--top-module", build["top"], *(["--trace"] if waves else []), *WARNINGS, "-O3", "--x-initial", "fast",
            "--x-assign", "fast", "-CFLAGS", flags, "-LDFLAGS", "-lutil", str(root / "rtl" / "waivers.vlt"),
            *build["sources"], str(root / "cocotb_tests" / "tb" / "board.cpp"),
        ]  # fmt: skip
        make = ["make", "-j", "2", "-C", str(directory), "-f", "Vtop.mk"]
        for command in (verilator, make):
            done = subprocess.run(
                command, env=verilator_environment(), stdout=sink, stderr=sink, check=False, cwd=gateware
            )
            if done.returncode:
                break
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SimulatorBuildError(f"the virtual board did not build; whole log in {log}\n{tail}")


class VirtualBoard(Closing):
    """A virtual board that runs until it is closed. ``port``: path of its pseudo-terminal; ``tcp``: its TCP port on
    this machine, 0 if none was asked for.

    `arguments` go to the program (cocotb_tests/tb/board.cpp). Raises SimulatorDied when it ends before it answers.
    """

    def __init__(self, build: BoardBuild, *arguments: str) -> None:
        self.build, self.port, self.tcp = build, "", 0
        self._process = subprocess.Popen(
            [str(build.directory / "board"), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=build.directory / "gateware",
        )  # fmt: skip
        assert self._process.stdout is not None
        wanted = 2 if "--tcp" in arguments else 1
        for _ in range(wanted):
            kind, _, value = self._process.stdout.readline().strip().partition(" ")
            if kind == "pty":
                self.port = value
            elif kind == "tcp":
                self.tcp = int(value)
            else:
                self.close()
                raise SimulatorDied(f"the virtual board in {build.directory} ended at once; its message is above")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait until it ends; its exit status."""
        return self._process.wait()

    def close(self) -> None:
        """End it."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
