"""The driver's side of the simulator: registers by mailbox, memory by mapping, time in clock cycles.

Lives in the thread that cocotb bridges; simulated time passes only while this code waits for ``wake``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sgdma.errors import MissingCapability, OutOfMemory, ProtocolViolation, SimulatorDied, TargetUrlError
from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import DEVICE
from sgdma.targets.contract import Capability, DmaRegion, FaultInjection, Target
from sgdma.targets.heap import Heap
from sgdma.targets.sim.control import FAULTS, IOVA_BASE, MAILBOX, PAGE, SharedFile, Want
from sgdma.targets.url import Number, TargetUrl, numbers

__all__ = ["SimFaults", "SimTarget", "build_parameters", "inside", "own_parameters"]

_OWN = {
    "memory": Number(64 << 20, 1 << 20, 1 << 32, PAGE), "seed": Number(1, high=(1 << 64) - 1), "latency": Number(16),
    "jitter": Number(0), "backpressure": Number(0, high=255), "out_of_order": Number(0, high=1), "mutant": Number(0),
}  # fmt: skip
"""Parameters of the bench (with defaults) beside those of BuildParameters: memory in bytes, latency and jitter in
cycles, backpressure 0..255 of 256 cycles, out_of_order 0 or 1; mutant: number of a deliberate bug of
cocotb_tests/mutants to switch on, 0 for the core as it is."""

_PCIE = {
    "mps": Number(256), "mrrs": Number(512), "rcb": Number(64), "split": Number(0, high=1),
    "iova": Number(IOVA_BASE, high=(1 << 63) - 1, step=PAGE), "read_credits": Number(0), "write_credits": Number(0),
}  # fmt: skip
"""More of `sim:pcie`: maximum payload, maximum read request and read completion boundary in bytes; split 1: completions
end at random boundaries; iova: bus address of the first byte of memory; read_credits: read requests that the root
complex holds at a time; write_credits: 16 bytes each of writes that it has room for, at least a payload (0: no end)."""
_SIZES = {"mps": (128, 256, 512, 1024, 2048, 4096), "mrrs": (128, 256, 512, 1024, 2048, 4096), "rcb": (64, 128)}

_EV_PENDING = DEVICE.address("ev_pending")

CYCLE_PS = 8000
"""A clock cycle in the time of waves, as cocotb_tests/tb/main.cpp has it."""

inside: Callable[[], None] | None = None
"""Blocks until ``wake`` changes; set by cocotb_tests/inside.py. None outside a simulator."""


def own_parameters(url: TargetUrl) -> dict[str, int]:
    """The bench's own parameters of a URL. Raises TargetUrlError."""
    if url.path not in ("", "pcie"):
        raise TargetUrlError(f"target {url.text!r}: there are sim:, sim:pcie and sim:uart, no sim:{url.path}")
    values = numbers(url, _OWN | (_PCIE if url.path else {}))
    for name in _SIZES.keys() & values.keys():
        if values[name] not in _SIZES[name]:
            raise TargetUrlError(f"target parameter {name} = {values[name]}: must be one of {_SIZES[name]} bytes")
    if 0 < values.get("write_credits", 0) < values.get("mps", 0) // 16:
        limit = f"must be 0, or at least {values['mps'] // 16} for payloads of {values['mps']} bytes"
        raise TargetUrlError(f"target parameter write_credits = {values['write_credits']}: {limit}")
    return values


def build_parameters(url: TargetUrl) -> BuildParameters:
    """What to build for a URL. Raises BuildParameterError for unknown names and values."""
    own = own_parameters(url)
    return BuildParameters.from_mapping({name: text for name, text in url.query.items() if name not in own}, own)


class SimFaults(FaultInjection):
    """Faults by entries in the control block."""

    def __init__(self, shared: SharedFile) -> None:
        self._control = shared.control

    def _add(self, iova: int, size: int, kind: int) -> None:
        count = int(self._control["fault_count"])
        if count == FAULTS:
            raise MissingCapability(f"{FAULTS} faults are injected already; clear() first")
        self._control["fault_start"][count] = iova
        self._control["fault_end"][count] = iova + size
        self._control["fault_kind"][count] = kind
        self._control["fault_count"] = count + 1

    def read_error(self, iova: int, size: int) -> None:
        self._add(iova, size, 1)

    def write_error(self, iova: int, size: int) -> None:
        self._add(iova, size, 2)

    def unmap(self, iova: int, size: int) -> None:
        self._add(iova, size, 4)

    def clear(self) -> None:
        self._control["fault_count"] = 0

    def timing(
        self, *, latency: int | None = None, jitter: int | None = None, backpressure: int | None = None,
        out_of_order: bool | None = None,
    ) -> None:  # fmt: skip
        values = {"latency": latency, "jitter": jitter, "backpressure": backpressure, "out_of_order": out_of_order}
        for name, value in values.items():
            if value is not None:
                self._control[name] = int(value)


class SimTarget(Target):
    """The Verilated stand-alone build, from inside its simulator."""

    capabilities = (
        Capability.INTERRUPTS | Capability.DIRECT_MEMORY | Capability.FAULT_INJECTION | Capability.CYCLE_EXACT
        | Capability.WAVES
    )  # fmt: skip

    def __init__(self, url: TargetUrl) -> None:
        if inside is None:
            raise MissingCapability(
                f"target {url.text!r} answers only inside the simulator; `sgdma` commands and `pytest` with "
                f"--target {url.text} start it"
            )
        self._wait = inside
        self._own = own_parameters(url)
        self.build = build_parameters(url)
        self.url, self.rules, self.memory_bytes = url.text, self.build.rule_set, self._own["memory"]
        self.expected_hash = int(os.environ["SGDMA_SIM_HASH"], 16)
        self._shared = SharedFile(Path(os.environ["SGDMA_SIM_MEMORY"]), self.memory_bytes)
        self._control = self._shared.control
        self._base = int(self._control["iova_base"])
        self._heap = Heap(self._base, self.memory_bytes)
        self._regions: dict[int, int] = {}
        self._taken = 0
        self._faults = self._open_faults()
        self._defaults()

    def _open_faults(self) -> SimFaults:
        return SimFaults(self._shared)

    def _defaults(self) -> None:
        names = ("latency", "jitter", "backpressure", "out_of_order")
        self._faults.timing(**{name: self._own[name] for name in names})  # type: ignore[arg-type]
        self._faults.clear()

    # Registers.

    def read32(self, address: int) -> int:
        control = self._control
        control["read_address"] = address
        control["read_state"] = 1
        self.until(Want.READ, lambda: int(control["read_state"]) == 3)
        control["read_state"] = 0
        return int(control["read_value"])

    def write32(self, address: int, value: int) -> None:
        control = self._control
        tail = int(control["writes_tail"])
        if (tail - int(control["writes_head"])) & 0xFFFFFFFF == MAILBOX:
            self.until(Want.DRAIN, lambda: int(control["writes_head"]) == int(control["writes_tail"]))
        control["write_address"][tail % MAILBOX] = address
        control["write_value"][tail % MAILBOX] = value & 0xFFFFFFFF
        control["writes_tail"] = (tail + 1) & 0xFFFFFFFF

    # Memory.

    def allocate(self, size: int, align: int = PAGE) -> DmaRegion:
        pages = -(-max(size, 1) // PAGE)
        iova = self._heap.allocate(pages * PAGE, max(align, PAGE))
        if iova is None:
            left = self.memory_bytes - self._heap.used
            state = f"{left} of {self.memory_bytes} are free"
            raise OutOfMemory(f"{size} bytes of DMA memory: {state}; free some or set memory=")
        start = iova - self._base
        self._regions[iova] = pages
        self._shared.pages[start // PAGE : start // PAGE + pages] = 1
        array = self._shared.memory[start : start + size]
        array[:] = 0
        return DmaRegion(iova, array)

    def free(self, region: DmaRegion) -> None:
        pages = self._regions.pop(region.iova)
        first = (region.iova - self._base) // PAGE
        self._shared.pages[first : first + pages] = 0
        self._heap.free(region.iova, pages * PAGE)

    # Time.

    def now(self) -> int:
        return int(self._control["cycles"])

    def sleep(self, cycles: int) -> None:
        limit = self.now() + cycles
        self._control["wake_at"] = limit
        self.until(Want.TIME, lambda: self.now() >= limit)

    def wait_interrupt(self, vector: int, timeout: int) -> bool:
        limit = self.now() + timeout
        control = self._control
        while not self._taken >> vector & 1:
            if self.now() >= limit:
                return False
            control["wake_at"] = limit
            self.until(Want.TIME | Want.IRQ, lambda: True)
            if int(control["irq"]):
                pending = self.read32(_EV_PENDING)
                self.write32(_EV_PENDING, pending)
                self.read32(_EV_PENDING)
                self._taken |= pending
        self._taken &= ~(1 << vector)
        return True

    # The rig.

    @property
    def faults(self) -> SimFaults:
        return self._faults

    def evidence(self) -> dict[str, str]:
        from cocotb.utils import get_sim_time

        return {"waves_ps": str(int(get_sim_time("ps"))), "cycle_ps": str(CYCLE_PS)}

    def reset(self) -> None:
        self._taken = 0
        self._defaults()

    def close(self) -> None:
        self._check()
        for iova in list(self._regions):
            self.free(DmaRegion(iova, self._shared.memory[:0]))

    @property
    def control(self) -> Any:
        """The record of CONTROL that bench and Python share."""
        return self._control

    def until(self, want: int, met: Callable[[], bool]) -> None:
        """Let time pass until the bench meets one of the wants, a sum of Want; `met()` must hold then."""
        self._control["want"] = want
        self._wait()
        self._check()
        if not met():
            raise SimulatorDied(f"the bench woke without cause (want = {want!r}, cycle {self.now()})")

    def _check(self) -> None:
        count = int(self._control["violations"])
        if count:
            self._control["violations"] = 0
            text = bytes(self._control["violation_text"]).split(b"\0")[0].decode()
            raise ProtocolViolation(f"{count} breach(es) of the bus protocol; the first: {text}")
