"""The core in Verilator, as a function in the slot, through the guest's kernel: contract, some of the suite."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgdma.vm.guest import Guest
from sgdma.vm.machine import SLOT

pytestmark = pytest.mark.sim
URL = f"vfio:{SLOT}"
CONFORMANCE = """
import sys
from sgdma.targets import conformance, open_target
with open_target(sys.argv[1]) as target:
    assert "INTERRUPTS" in str(target.capabilities), target.capabilities
    for check in conformance.CHECKS:
        check(target)
        print(check.__name__, flush=True)
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a served core."""
    path = tmp_path_factory.mktemp("slot") / "board.sock"
    command = [sys.executable, "-c", "from sgdma.cli import app; app()", "serve", "--pcie", str(path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert server.stdout
    for line in server.stdout:
        if line.startswith("vfio-user:"):
            break
    else:
        pytest.fail(f"the server ended with {server.wait()} before it served")
    yield path
    os.killpg(server.pid, signal.SIGTERM)  # the simulator as well
    server.wait(30)
    server.stdout.close()


@pytest.fixture(scope="module")
def slot(machinery: None, board: Path) -> Iterator[Guest]:
    """A guest with the core in its slot, bound to vfio-pci; it stays there, as QEMU 11.1 ends when it is taken out."""
    with Guest(function=board) as running:
        running.bind()
        yield running


def test_the_target_keeps_the_contract(slot: Guest) -> None:
    """Registers, memory behind the virtual IOMMU, MSI-X through eventfds, injected faults."""
    done = slot.run(["python", "-c", CONFORMANCE, URL], limit=120)
    assert done.status == 0, done.text + done.err.decode()


def test_a_part_of_the_suite_passes(slot: Guest) -> None:
    """Registers, and interrupts; the whole of it takes as many minutes as it has tests in dozens."""
    chosen = ["sgdma.suite.test_registers", "sgdma.suite.test_interrupts"]
    done = slot.run(["python", "-m", "pytest", "-q", "-x", "--pyargs", *chosen, "--target", URL], limit=300)
    assert done.status == 0, done.text


def test_the_core_is_known_and_comes_back_after_a_removal(slot: Guest) -> None:
    assert "sgdma core" in slot.run(["sgdma", "pcie", "list"]).text
    assert slot.run(["sgdma", "pcie", "remove", SLOT]).status == 0
    assert "no PCI function" in slot.run(["sgdma", "probe", "--target", URL]).err.decode()
    assert SLOT in slot.run(["sgdma", "pcie", "rescan"]).text
    slot.bind()
    assert "peculiar" in slot.run(["sgdma", "probe", "--target", URL]).text
