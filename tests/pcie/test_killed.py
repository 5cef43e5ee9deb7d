"""A client that is killed in the middle of its requests: nothing is written behind its death, the next starts clean."""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sgdma.pcie.client import UserFunction
from sgdma.run.slot import served_function
from sgdma.spec.pcie import BUS_MASTER, COMMAND
from sgdma.spec.registers import DEVICE

CLIENT = """
import os, sys
import numpy as np
import sgdma
from sgdma.rules import Direction
from sgdma.spec.status import Port

dma = sgdma.open(sys.argv[1])
buffers = [dma.buffer(4096, 4096) for _ in range(256)]
transfers = [dma.read(buffer, port=Port.PATTERN) for buffer in buffers]
assert dma.pending == 256
print("running", flush=True)
if len(sys.argv) > 2:  # wait for the end, look at every byte
    dma.wait_all()
    want = np.arange(1024, dtype="<u4")
    for shift, left in ((13, True), (17, False), (5, True)):
        want = want ^ (want << np.uint32(shift) if left else want >> np.uint32(shift))
    assert all((buffer.array.view("<u4") == want).all() for buffer in buffers)
    print("good", flush=True)
sys.stdin.read()
"""
pytestmark = pytest.mark.sim


@pytest.fixture(scope="module")
def function() -> Iterator[Path]:
    with served_function() as path:
        yield path


def start(function: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CLIENT, f"vfio-user:{function}", *more]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def shared_memory(process: int) -> list[np.ndarray]:
    """The memory that a process shares with the device, seen from here."""
    found = []
    for entry in Path(f"/proc/{process}/fd").iterdir():
        if "memfd:sgdma" in str(entry.readlink()):
            handle = os.open(entry, os.O_RDONLY)
            found.append(np.frombuffer(mmap.mmap(handle, 0, prot=mmap.PROT_READ), np.uint8))
            os.close(handle)
    assert found
    return found


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.deep)])
def test_a_killed_client_leaves_nothing_behind(function: Path, times: int) -> None:
    random.seed(times)
    for _ in range(times):
        with start(function) as client:
            assert client.stdout
            assert client.stdout.readline() == "running\n"
            memory = shared_memory(client.pid)
            threading.Event().wait(random.random() / 50)
            client.kill()
        with UserFunction(function) as served:  # no driver that resets; the server is through with the dead one
            registers, before = served.bar(0), [part.copy() for part in memory]
            assert not served.config_read(COMMAND, 2) & BUS_MASTER
            begin = registers.read32(DEVICE.address("time_lo"))
            while (registers.read32(DEVICE.address("time_lo")) - begin) % (1 << 32) < 20_000:
                pass
            assert all(np.array_equal(part, old) for part, old in zip(memory, before, strict=True)), "a late write"
    with start(function, "to the end") as last:
        assert last.stdout
        assert [last.stdout.readline() for _ in range(2)] == ["running\n", "good\n"]
        assert last.stdin
        last.stdin.close()
        assert last.wait(60) == 0
