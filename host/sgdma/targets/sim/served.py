"""The simulated device behind a vfio-user socket: what :mod:`sgdma.pcie.server` asks for, from inside the simulator.

``sgdma serve --pcie PATH`` starts the simulator of ``sim:?guard=1`` and runs :func:`main` in it.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sgdma.pcie.mapping import RANGE
from sgdma.pcie.served_device import Fault, ServedDevice
from sgdma.pcie.server import serve
from sgdma.spec.pcie import PULLED
from sgdma.targets.sim.control import Want
from sgdma.targets.sim.target import SimTarget
from sgdma.targets.url import parse

__all__ = ["SimServed", "main"]


class SimServed(ServedDevice):
    """The device of an open :class:`SimTarget`."""

    def __init__(self, target: SimTarget) -> None:
        self._target, self._control = target, target.control
        self._ranges: npt.NDArray[np.void] = np.zeros(0, RANGE)
        self.vectors = target.build.queues + 1
        self._control["memory_bytes"] = 0  # the bench's own memory is out of the way of the client's addresses

    def read32(self, address: int) -> int:
        return self._target.read32(address)

    def write32(self, address: int, value: int) -> None:
        self._target.write32(address, value)

    def run(self, fd: int) -> None:
        self._control["socket"] = fd
        self._target.until(Want.MESSAGE | Want.VECTOR, lambda: True)

    def take_vectors(self) -> int:
        fired = int(self._control["vectors"])
        self._control["vectors"] = 0
        return fired

    def take_fault(self) -> Fault | None:
        count, self._control["refused"] = int(self._control["refused"]), 0
        if not count:
            return None
        return Fault(count, int(self._control["refused_address"]), bool(self._control["refused_write"]))

    def reach(self, ranges: npt.NDArray[np.void]) -> None:
        self._ranges = np.ascontiguousarray(ranges)  # kept alive: the bench reads it where it lies
        self._control["ranges"] = self._ranges.__array_interface__["data"][0]
        self._control["range_count"] = len(self._ranges)

    def reset(self) -> None:
        self._control["reset"] = 1
        self._target.sleep(64)


def _announce(path: str) -> None:
    sys.stdout.write(f"vfio-user:{path}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """``URL PATH CLIENTS [LOG]``: serve the simulator's device at the socket, report faults to a file or stderr.

    As long as a file is there that is named like the socket with :data:`~sgdma.spec.pcie.PULLED` behind it, the card is
    out of its slot.
    """
    url, path, clients, *log = arguments
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(Path(log[0]).open("a", encoding="utf-8")) if log else sys.stderr
        target = stack.enter_context(SimTarget(parse(url)))
        pulled = Path(f"{path}{PULLED}")
        serve(SimServed(target), Path(path), lambda: _announce(path), clients=int(clients),
              report=lambda text: print(text, file=sink, flush=True), pulled=pulled.exists)  # fmt: skip
    return 0
