"""The guest itself: commands, files, a device of QEMU's in its slot, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from sgdma.cli import app
from sgdma.errors import GuestFailed
from sgdma.vm.guest import Guest
from sgdma.vm.machine import EDU, SLOT

pytestmark = pytest.mark.sim
HERE = Path(__file__).parent


@pytest.fixture
def edu(guest: Guest) -> Iterator[Guest]:
    """A guest with QEMU's teaching device bound to vfio-pci."""
    guest.plug(EDU)
    try:
        guest.bind()
        yield guest
    finally:
        guest.unplug()


def test_a_command_says_what_it_says_and_its_status_is_passed_on(guest: Guest) -> None:
    said: list[bytes] = []
    done = guest.run(["sh", "-c", "echo out; echo err >&2; exit 7"], out=said.append)
    assert (done.status, done.text, done.err, b"".join(said)) == (7, "out\n", b"err\n", b"out\n")
    done = guest.run(["python", "-c", "import os, sys; print(os.environ['X'], os.getcwd()); sys.exit('no')"],
                     env={"X": "1"}, cwd="/tmp")  # fmt: skip
    assert (done.status, done.text, done.err) == (1, "1 /tmp\n", b"no\n")
    assert guest.run(["kill-nobody"]).status == 1
    assert guest.run(["sh", "-c", "kill -9 $$"]).status == 128 + signal.SIGKILL


def test_the_guest_keeps_this_machines_time(guest: Guest) -> None:
    assert abs(float(guest.run(["python", "-c", "import time; print(time.time())"]).text) - time.time()) < 5


def test_the_package_of_this_checkout_is_in_it(guest: Guest) -> None:
    done = guest.run(["python", "-c", "import sgdma.cli, sgdma.vm.guest; print(sgdma.__file__)"])
    assert done.text == "/opt/sgdma/host/sgdma/__init__.py\n", done.err
    done = guest.run(["python", "-m", "pytest", "-q", "--pyargs", "sgdma.suite.test_registers", "--target", "model:"])
    assert done.status == 0, done.text


def test_results_are_brought_out(guest: Guest, tmp_path: Path) -> None:
    guest.run(
        ["sh", "-c", "mkdir -p /tmp/run/deep; head -c 3000000 /dev/zero > /tmp/run/deep/big; echo x > /tmp/run/x"]
    )
    fetched = guest.fetch("/tmp/run", tmp_path)
    assert (fetched / "deep" / "big").stat().st_size == 3_000_000
    assert (fetched / "x").read_text() == "x\n"
    with pytest.raises(GuestFailed, match="No such file"):
        guest.fetch("/nowhere", tmp_path)
    assert guest.run(["true"]).status == 0, "it goes on after that"


def test_a_function_through_the_kernels_vfio(edu: Guest) -> None:
    """Everything that :class:`KernelFunction` does but MSI-X, which that device does not have."""
    done = edu.run(["python", "-c", (HERE / "edu.py").read_text(), SLOT], limit=60)
    assert done.status == 0, done.err.decode()


def test_the_command_lists_and_gives_back(edu: Guest) -> None:
    assert SLOT in edu.run(["sgdma", "pcie", "list"]).text
    assert "no driver" not in edu.run(["sgdma", "pcie", "unbind", SLOT]).text
    edu.bind()


def test_a_command_that_takes_too_long_ends_the_guest(machinery: None) -> None:
    with Guest() as own:
        with pytest.raises(GuestFailed, match="not answered in time"):
            own.run(["sleep", "100"], limit=0.5)
        with pytest.raises(GuestFailed, match="QEMU ended"):
            own.run(["true"])


def test_nothing_is_left_behind(machinery: None) -> None:
    """A guest goes with its process even if that is killed."""
    code = "import sys\nfrom sgdma.vm.guest import Guest\nwith Guest():\n print('up', flush=True)\n sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "up\n"
    (qemu,) = psutil.Process(child.pid).children(recursive=True)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not psutil.wait_procs([qemu], timeout=10)[1]
    child.stdout.close()
    if child.stdin:
        child.stdin.close()


def test_the_command_passes_the_status_on(machinery: None, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["vm", "run", "--log", str(tmp_path / "log"), "--", "sh", "-c", "exit 5"])
    assert done.exit_code == 5, done.output
    assert CliRunner().invoke(app, ["vm", "run", "--socket", str(tmp_path / "none"), "--", "true"]).exit_code == 2
