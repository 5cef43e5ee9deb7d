"""Fault injection by the guard that our SoCs have on their memory bus: a few ranges, in the bank ``board``."""

from __future__ import annotations

from sgdma.errors import MissingCapability
from sgdma.spec.registers import BOARD, FAULT_RANGES
from sgdma.targets.contract import FaultInjection, Target

__all__ = ["GuardFaults"]


class GuardFaults(FaultInjection):
    """Ranges of memory that fail, as many as the guard can hold; memory's manners stay what they are.

    `base`: where the register banks of `target` begin.
    """

    def __init__(self, target: Target, base: int = 0) -> None:
        self._target, self._base, self._used = target, base, 0

    def read_error(self, iova: int, size: int) -> None:
        self._set(iova, size, "read")

    def write_error(self, iova: int, size: int) -> None:
        self._set(iova, size, "write")

    def unmap(self, iova: int, size: int) -> None:
        self._set(iova, size, "unmapped")

    def clear(self) -> None:
        self._used = 0
        self._write("fault_clear", 1)

    def _set(self, iova: int, size: int, kind: str) -> None:
        if self._used == FAULT_RANGES:
            raise MissingCapability(f"{self._target.url}: holds {FAULT_RANGES} faulty ranges at a time; clear() first")
        self._write("fault_start", iova)
        self._write("fault_last", iova + size - 1)
        self._write("fault_set", self._used | BOARD.register("fault_set").field(kind).mask)
        self._used += 1

    def _write(self, name: str, value: int) -> None:
        self._target.write32(self._base + BOARD.address(name), value)
