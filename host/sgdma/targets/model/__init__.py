"""``model:``: the device as a numpy model, bit by bit what docs/device.md says, in a cycle count of its own.

Parameters are those of :class:`~sgdma.spec.build.BuildParameters` and

* ``memory``: bytes of host memory (64 MiB), at bus address ``base`` (0x10000000);
* ``jitter``: up to that many cycles of delay, at random, before each request's data (0), drawn from ``seed`` (1);
* ``access``: cycles that one register access takes (16).
"""

from __future__ import annotations

from operator import index
from typing import ClassVar

from sgdma.errors import TargetUrlError
from sgdma.spec.build import BuildParameters
from sgdma.targets.contract import Capability, DmaRegion, Target
from sgdma.targets.model.device import ModelDevice
from sgdma.targets.model.memory import HostMemory, ModelFaults
from sgdma.targets.url import Number, TargetUrl, numbers

__all__ = ["ModelTarget", "parameters"]

QUANTUM = 256
OWN = {
    "memory": Number(64 << 20, 1 << 16, 1 << 32, 4096), "base": Number(0x1000_0000, high=(1 << 63) - 1, step=4096),
    "jitter": Number(0), "seed": Number(1, high=(1 << 64) - 1), "access": Number(16),
}  # fmt: skip


def parameters(url: TargetUrl) -> tuple[dict[str, int], BuildParameters]:
    """The model's own parameters, and the device's. Raises TargetUrlError, BuildParameterError, RulesFileError."""
    if url.path:
        raise TargetUrlError(f"target {url.text!r}: nothing stands before ?; {url.scheme}:?name=value has parameters")
    build = {name: text for name, text in url.query.items() if name not in OWN}
    return numbers(url, OWN), BuildParameters.from_mapping(build, OWN)


class ModelTarget(Target):
    """The numpy model behind the contract of targets."""

    capabilities = Capability.INTERRUPTS | Capability.DIRECT_MEMORY | Capability.FAULT_INJECTION
    device_class: ClassVar[type[ModelDevice]] = ModelDevice

    def __init__(self, url: TargetUrl) -> None:
        own, self.build = parameters(url)
        self.url, self.rules, self.memory_bytes = url.text, self.build.rule_set, own["memory"]
        self.expected_hash = self.build.content_hash()
        self._access = own["access"]
        self._memory = HostMemory(own["base"], own["memory"], self.build.burst_bytes)
        self.device = self.device_class(self.build, self._memory, own["jitter"], own["seed"])

    def read32(self, address: int) -> int:
        self.device.advance(self.device.clock + self._access)
        return self.device.registers.read(address)

    def write32(self, address: int, value: int) -> None:
        self.device.advance(self.device.clock + self._access)
        self.device.registers.write(address, value)

    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        return self._memory.allocate(size, align)

    def free(self, region: DmaRegion) -> None:
        self._memory.free(region)

    def now(self) -> int:
        return self.device.clock

    def sleep(self, cycles: int) -> None:
        self.device.advance(self.device.clock + index(cycles))

    def wait_interrupt(self, vector: int, timeout: int) -> bool:
        device, limit = self.device, self.device.clock + index(timeout)
        while not device.pending & device.enabled & 1 << vector:
            if device.clock >= limit:
                return False
            device.advance(limit if device.quiet else min(limit, device.clock + QUANTUM))
        device.pending &= ~(1 << vector)
        return True

    @property
    def faults(self) -> ModelFaults:
        return self.device.faults

    def reset(self) -> None:
        self.device.reset()

    def close(self) -> None:
        self.device.reset()
