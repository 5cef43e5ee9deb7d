"""A card that is pulled in the middle of its requests, and a server that dies: a typed error at once, nobody hangs."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

import sgdma
from sgdma.engine.device import Dma
from sgdma.errors import DeviceGone
from sgdma.run.slot import served_function
from sgdma.spec.pcie import PULLED
from sgdma.spec.status import Port

pytestmark = pytest.mark.sim
SECONDS = 2.0
"""The limit: what is pending ends within so long. On an idle machine it takes a millisecond."""
REQUESTS = 256


@contextmanager
def busy(function: Path) -> Iterator[tuple[Dma, list[BaseException | None]]]:
    """A device with 256 requests that can't end by themselves, and how those ended that did."""
    dma, ended = sgdma.open(f"vfio-user:{function}"), list[BaseException | None]()
    with dma.target:
        for _ in range(REQUESTS):
            read = dma.read(np.zeros(64, np.uint8), port=Port.LOOPBACK)
            read.add_done_callback(lambda done: ended.append(done.error))
        yield dma, ended


def ends(dma: Dma, ended: list[BaseException | None]) -> None:
    start = time.monotonic()
    with pytest.raises(DeviceGone):
        dma.wait_all()
    dma.close()
    assert time.monotonic() - start < SECONDS
    assert [type(error) for error in ended] == [DeviceGone] * REQUESTS


def test_a_card_that_is_pulled_and_put_back(tmp_path: Path) -> None:
    with served_function() as function:
        pulled = Path(f"{function}{PULLED}")
        with busy(function) as (dma, ended):
            pulled.touch()
            ends(dma, ended)
        with pytest.raises(DeviceGone):
            sgdma.open(f"vfio-user:{function}")
        pulled.unlink()
        with sgdma.open(f"vfio-user:{function}") as dma:
            assert dma.write(bytes(640)).result().ok


def test_a_server_that_is_killed() -> None:
    with served_function() as function, busy(function) as (dma, ended):
        (server,) = (one for one in psutil.Process().children() if str(function) in one.cmdline())
        for process in (*server.children(recursive=True), server):
            process.send_signal(signal.SIGKILL)
        ends(dma, ended)
