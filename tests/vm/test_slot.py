"""The core in Verilator, as a function in the slot, through the guest's kernel: contract, some of the suite."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgdma.spec.pcie import PULLED
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
REMOVAL = """
import sys
import pytest
from sgdma.errors import DeviceGone
from sgdma.pcie.bind import Functions
from sgdma.pcie.kernel import KernelFunction
address, bus = sys.argv[1], Functions()
assert bus.find(address).ours
bus.remove(address)
with pytest.raises(DeviceGone, match="no PCI function"):
    KernelFunction(address)
assert [function.address for function in bus.rescan()] == [address]
assert bus.bind(address).driver == "vfio-pci"
with KernelFunction(address) as function:
    assert function.bar(0).read32(0) not in (0, 0xFFFFFFFF)
"""

KILLED = """
import mmap, os, random, signal, sys, threading
import numpy as np
import sgdma
from sgdma.pcie.kernel import KernelFunction
from sgdma.spec.pcie import BUS_MASTER, COMMAND
from sgdma.spec.registers import DEVICE
from sgdma.spec.status import Port, Status

address, times = sys.argv[1], int(sys.argv[2])
random.seed(times)
memory = np.frombuffer(mmap.mmap(-1, 256 * 4096), np.uint8)  # of this process and its children

def requests(dma):
    mapped = dma.map(memory)
    return dma.read_batch(mapped.iova + 4096 * np.arange(256), np.full(256, 4096), port=Port.PATTERN)

for _ in range(times):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        dma = sgdma.open("vfio:" + address)
        under_way = requests(dma)
        os.write(writer, b"." if dma.pending == 256 else b"?")
        while True:
            signal.pause()
    os.close(writer)
    assert os.read(reader, 1) == b".", "the child did not get that far"
    os.close(reader)
    threading.Event().wait(random.random() / 50)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    before = memory.copy()
    with KernelFunction(address) as function:
        registers = function.bar(0)
        assert not function.config_read(COMMAND, 2) & BUS_MASTER
        begin = registers.read32(DEVICE.address("time_lo"))
        while (registers.read32(DEVICE.address("time_lo")) - begin) % (1 << 32) < 20_000:
            pass
    assert np.array_equal(memory, before), "a late write"
memory[:] = 0
with sgdma.open("vfio:" + address) as dma:
    under_way = requests(dma)
    dma.wait_all()
    assert (under_way.records["status"] == Status.OK).all()
    assert len(np.unique(memory.reshape(256, 4096), axis=0)) == 1 and memory.any(), "not the pattern"
dma.target.close()
"""
PULLED_CARD = """
import sys, time
import numpy as np
import pytest
import sgdma
from sgdma.errors import DeviceGone
from sgdma.spec.status import Port

dma, ended = sgdma.open(sys.argv[1]), []
with dma.batch():
    for _ in range(256):
        read = dma.read(np.zeros(64, np.uint8), port=Port.LOOPBACK)
        read.add_done_callback(lambda done: ended.append(type(done.error)))
print("running", flush=True)
with pytest.raises(DeviceGone, match="port above"):
    dma.wait_all()
start = time.monotonic()
dma.close()
assert ended == [DeviceGone] * 256
assert time.monotonic() - start < 5
print("gone", flush=True)
sys.stdin.close()
while not dma.target.function.alive:
    pass
dma.target.close()
with sgdma.open(sys.argv[1]) as dma:
    assert dma.write(bytes(640)).result().ok
dma.target.close()
"""
RELOAD = """
import sys
import pytest
import sgdma
from sgdma.errors import DeviceBusy
from sgdma.pcie.reload import reload
from sgdma.spec.registers import DEVICE

address, loaded = sys.argv[1], []
dma = sgdma.open("vfio:" + address)
dma.registers.write("scratch", 0x1234)
with pytest.raises(DeviceBusy, match="in use by"):
    reload(address, lambda: loaded.append(1))
assert not loaded
dma.close()
dma.target.close()
assert reload(address, lambda: loaded.append(1)).driver == "vfio-pci"
assert loaded == [1]
with sgdma.open("vfio:" + address) as dma:
    assert dma.registers.read("scratch") == 0
    assert dma.write(bytes(640)).result().ok
dma.target.close()
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
    """Some of what only this way can break; a test takes two seconds or so in the guest."""
    chosen = ["sgdma.suite.test_interrupts", "-k", "armed_vector or vector_of_its_own or error_vector or stays_silent"]
    done = slot.run(["python", "-m", "pytest", "-q", "-x", "--pyargs", *chosen, "--target", URL], limit=300)
    assert done.status == 0, done.text


def test_the_core_is_known_and_comes_back_after_a_removal(slot: Guest) -> None:
    done = slot.run(["python", "-c", REMOVAL, SLOT], limit=120)
    assert done.status == 0, done.err.decode()


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.deep)])
def test_a_killed_process_leaves_nothing_behind(slot: Guest, times: int) -> None:
    """SIGKILL amid 256 requests: no byte is written behind its death, and the next one starts clean."""
    done = slot.run(["python", "-c", KILLED, SLOT, str(times)], limit=60 + 10 * times)
    assert done.status == 0, done.err.decode()


def test_a_pulled_card_is_a_typed_error_within_seconds(slot: Guest, board: Path) -> None:
    """The kernel is not told: every read answers all ones from one moment to the next."""
    pulled = Path(f"{board}{PULLED}")

    def follow(said: bytes) -> None:
        if b"running" in said:
            pulled.touch()
        if b"gone" in said:
            pulled.unlink()

    try:
        done = slot.run(["python", "-c", PULLED_CARD, URL], limit=60, out=follow)
        assert done.status == 0, done.err.decode()
    finally:
        pulled.unlink(missing_ok=True)


def test_a_board_is_loaded_anew_in_its_slot(slot: Guest) -> None:
    """Off the bus, reset of the link by the port, back on the bus, bound again; refused while somebody has it."""
    done = slot.run(["python", "-c", RELOAD, SLOT], limit=60)
    assert done.status == 0, done.err.decode()


@pytest.mark.deep
def test_resets_under_load_and_requests_outside_all_mappings_by_the_hundred(slot: Guest) -> None:
    chosen = ["sgdma.suite.test_pcie", "-m", "deep", "--assert=plain"]
    done = slot.run(["python", "-m", "pytest", "-q", "-x", "--pyargs", *chosen, "--target", URL], limit=1200)
    assert done.status == 0, done.text
