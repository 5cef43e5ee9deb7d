"""One PCI function held by this process, whoever gives it: the kernel's VFIO, or a vfio-user server on a socket.

An implementation differs in how a BAR is reached and what memory it can map; what uses it can't tell. Numbers are those
of the PCI specification: offsets into configuration space, BAR numbers 0 to 5, MSI-X vectors from 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from sgdma.closing import Closing
from sgdma.errors import DeviceGone
from sgdma.pcie.evidence import of_config
from sgdma.spec.pcie import BUS_MASTER, CLASS_REVISION, COMMAND

__all__ = ["NOBODY", "Bar", "PciFunction"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
NOBODY = 0xFFFF_FFFF
"""What a read gives that nobody answers."""


class Bar(ABC):
    """A memory BAR. Accesses are 32 bits wide, aligned, and done in order; writes may be posted, reads are not.

    All raise :class:`~sgdma.errors.DeviceGone` when the function no longer answers.
    """

    size: int
    """Bytes."""

    @abstractmethod
    def read32(self, offset: int) -> int:
        """The register at byte `offset`."""

    @abstractmethod
    def write32(self, offset: int, value: int) -> None:
        """Write a register; memory that the host wrote before is visible to the device first."""

    def read_block(self, offset: int, count: int) -> U32:
        """`count` consecutive registers: u32 (count,)."""
        return np.array([self.read32(offset + 4 * index) for index in range(count)], np.uint32)


class PciFunction(Closing):
    """One function of a PCI device. Use as a context manager.

    Closing resets the function, so that it masters the bus no more, before any mapping goes.
    """

    name: str
    """Who this is, for messages: ``0000:01:00.0``, or the path of a socket."""
    page: int = 4096
    """Granularity of mappings in bytes."""
    maps_any: bool = False
    """Whether `map` takes any memory of this process, not only that of `allocate`."""

    @abstractmethod
    def config_read(self, offset: int, size: int) -> int:
        """`size` (1, 2 or 4) bytes of configuration space, little endian."""

    @abstractmethod
    def config_write(self, offset: int, size: int, value: int) -> None:
        """Write configuration space."""

    @abstractmethod
    def bar(self, index: int) -> Bar:
        """A memory BAR. Raises :class:`~sgdma.errors.MissingCapability` when the function has none there."""

    # Memory.

    @abstractmethod
    def allocate(self, size: int) -> U8:
        """Zeroed memory that `map` takes, page-aligned; `size` a multiple of `page`. Raises OutOfMemory.

        The memory lives as long as the function is open, or until `release`.
        """

    @abstractmethod
    def release(self, array: U8) -> None:
        """Give memory of `allocate` back; it must not be mapped."""

    @abstractmethod
    def map(self, array: U8, iova: int, *, read: bool = True, write: bool = True) -> None:
        """Let the device reach `array` at bus address `iova`: whole pages, both ends page-aligned.

        `read`, `write`: what the device may do. Raises :class:`~sgdma.errors.MappingFailed` (limits, overlap, memory of
        a kind that can't be mapped) with the remedy; nothing is mapped then.
        """

    @abstractmethod
    def unmap(self, iova: int, size: int) -> None:
        """Undo `map` of exactly that range; the device no longer reaches it when this returns."""

    @property
    @abstractmethod
    def iova_limit(self) -> tuple[int, int]:
        """First and last bus address that can be mapped."""

    # Interrupts and state.

    @abstractmethod
    def enable_msix(self, vectors: int) -> list[int]:
        """Enable MSI-X vectors 0 to `vectors` - 1: an eventfd each, whose counter rises by one an interrupt.

        Raises :class:`~sgdma.errors.MissingCapability` when the function has fewer.
        """

    def set_command(self, bits: int, on: bool) -> None:
        """Set or clear bits of the command register."""
        held = self.config_read(COMMAND, 2)
        self.config_write(COMMAND, 2, held | bits if on else held & ~bits)

    def bus_master(self, on: bool) -> None:
        """Let the function issue requests, or stop it."""
        self.set_command(BUS_MASTER, on)

    @abstractmethod
    def reset(self) -> None:
        """Function-level reset. Mappings and interrupts of this process stay, registers go back to power-up."""

    def evidence(self) -> dict[str, str]:
        """What it and the slot it is in say about errors and the link, in words. Never raises."""
        return of_config(self.config_read)

    def check(self) -> None:
        """To be called when a register read as all ones. Raises DeviceGone, with what there is to know."""
        if not self.alive:
            told = "; ".join(f"{name}: {value}" for name, value in self.evidence().items())
            raise DeviceGone(f"{self.name}: does not answer any more; put it back and rescan ({told})")

    @property
    def alive(self) -> bool:
        """Whether the function still answers: its class is not all ones. (The kernel makes up its ids.)"""
        return self.config_read(CLASS_REVISION, 4) != NOBODY
