"""What a vfio-user server wants of the device that it shows: registers, memory through ranges, interrupts, faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Fault", "ServedDevice"]


@dataclass(frozen=True)
class Fault:
    """`count` accesses of the device that met no mapping, and the last of them."""

    count: int
    address: int
    write: bool

    def __str__(self) -> str:
        others = f" (and {self.count - 1} before it)" if self.count > 1 else ""
        return f"device {'writes to' if self.write else 'reads from'} {self.address:#x}, which is not mapped{others}"


class ServedDevice(ABC):
    """A device to serve: registers, memory through ranges, interrupt messages."""

    vectors: int
    """MSI-X vectors."""

    @abstractmethod
    def read32(self, address: int) -> int:
        """A register, ordered behind the writes before."""

    @abstractmethod
    def write32(self, address: int, value: int) -> None:
        """Write a register."""

    @abstractmethod
    def run(self, fd: int) -> None:
        """Let time pass until `fd` has something to read or `take_vectors` has something to tell."""

    @abstractmethod
    def take_vectors(self) -> int:
        """Mask of the vectors that have fired since the last call."""

    @abstractmethod
    def take_fault(self) -> Fault | None:
        """Accesses since the last call that met no mapping; they were answered by an error."""

    @abstractmethod
    def reach(self, ranges: npt.NDArray[np.void]) -> None:
        """From now on the device reaches these ranges (dtype RANGE) and nothing else."""

    @abstractmethod
    def reset(self) -> None:
        """As at power-up; what was under way is forgotten."""
