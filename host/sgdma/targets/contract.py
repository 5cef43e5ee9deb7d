"""What the driver and the suite ask of whatever answers: one small ABC, from the numpy model to the board.

A new rung of the ladder is one file: subclass :class:`Target`, name the scheme in :mod:`sgdma.targets.url`, and pass
:mod:`sgdma.targets.conformance`. Five methods have no default; the rest is derived from them and may be overridden
where the rig can do better.

All time is the target's: cycles of the device's clock. A target never sleeps in host time on a condition of the device:
inside a simulator that would freeze it.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sgdma.closing import Closing
from sgdma.errors import MissingCapability
from sgdma.rules import RuleSet
from sgdma.spec.registers import BANKS, DEVICE

__all__ = ["Capability", "DmaRegion", "FaultInjection", "Target"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


class Capability(enum.Flag):
    """What a target can do beyond the bare contract. A test that needs more is skipped with the reason."""

    NONE = 0
    INTERRUPTS = enum.auto()
    """``wait_interrupt`` waits for the device's own interrupt."""
    DIRECT_MEMORY = enum.auto()
    """A region's array *is* the memory the device sees; the ``sync_*`` calls do nothing."""
    FAULT_INJECTION = enum.auto()
    """``faults`` makes memory answer errors, hide ranges and slow down."""
    CYCLE_EXACT = enum.auto()
    """Times are those of the RTL, cycle by cycle."""
    WAVES = enum.auto()
    """The target can record waves of one test."""
    PCIE = enum.auto()
    """The device is a PCI function in our hands, which can be reset as such."""
    MAPPING = enum.auto()
    """``map`` reaches memory of the caller's where it lies."""
    CPU = enum.auto()
    """A CPU beside the device runs our firmware: self-test and request programmes."""
    POSTED_WRITES = enum.auto()
    """Memory writes are posted, as on PCIe: the device is not told of one that reaches no memory."""


@dataclass(eq=False)
class DmaRegion:
    """Memory that both sides reach.

    ``array``: uint8 (size,), the host's view. ``iova``: bus address of its first byte. ``handle`` is the target's own.
    """

    iova: int
    array: U8
    handle: object = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.array)


class FaultInjection(ABC):
    """Faults of the memory that the device sees. All ranges are bus addresses and bytes; they stay until `clear`."""

    @abstractmethod
    def read_error(self, iova: int, size: int) -> None:
        """Bursts that read any byte of the range are answered by SLVERR."""

    @abstractmethod
    def write_error(self, iova: int, size: int) -> None:
        """Bursts that write any byte of the range are answered by SLVERR and change nothing."""

    @abstractmethod
    def unmap(self, iova: int, size: int) -> None:
        """The range answers DECERR both ways, as memory outside every region does."""

    @abstractmethod
    def clear(self) -> None:
        """Take back all faults; the timing stays."""

    def timing(  # noqa: B027
        self, *, latency: int | None = None, jitter: int | None = None, backpressure: int | None = None,
        out_of_order: bool | None = None,
    ) -> None:  # fmt: skip
        """Memory's manners; None leaves one as it is.

        `latency`: cycles from address to first data or response. `jitter`: up to that many more, at random.
        `backpressure`: 0..255, of 256 cycles so many in which memory is not ready. `out_of_order`: answers of different
        ids may overtake. A target honours those it can.
        """


class Target(Closing):
    """One device and its rig. Use as a context manager; closing twice is allowed."""

    url: str = ""
    capabilities: Capability = Capability.NONE
    expected_hash: int | None = None
    """128-bit content hash of what the rig believes it built or loaded; None when it can't know."""
    rules: RuleSet | None = None
    """Rule set that the rig believes the device enforces; None when it can't know."""
    memory_bytes: int = 64 << 20
    """How much DMA memory ``allocate`` can give in total."""
    bases: Mapping[str, int] = {bank.name: bank.base for bank in BANKS}
    """Base address of every register bank."""

    # Registers.

    @abstractmethod
    def read32(self, address: int) -> int:
        """The register at byte `address`. Raises :class:`~sgdma.errors.RigError` when the link is down."""

    @abstractmethod
    def write32(self, address: int, value: int) -> None:
        """Write a register; `value` 0..2**32-1. Ordered behind every memory write that the host made before."""

    def read_block(self, address: int, count: int) -> U32:
        """`count` consecutive registers from `address`: u32 (count,)."""
        return np.array([self.read32(address + 4 * i) for i in range(count)], np.uint32)

    def write_block(self, address: int, values: npt.ArrayLike) -> None:
        """Write consecutive registers from `address` in rising order."""
        for index, value in enumerate(np.asarray(values, np.uint32).tolist()):
            self.write32(address + 4 * index, value)

    # Memory.

    @abstractmethod
    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        """Zeroed DMA-able memory; `align` a power of two, of the bus address. Raises OutOfMemory."""

    @abstractmethod
    def free(self, region: DmaRegion) -> None:
        """Give a region back: nothing of anybody's is there any more. The rig may keep it mapped, for the next one."""

    def map(self, *arrays: U8) -> DmaRegion:
        """Make memory of the caller's reachable where it lies, arrays one behind the other; the first is the region's.

        Raises :class:`MissingCapability` where the rig can't.
        """
        raise MissingCapability(f"{self.url}: can't map memory it did not allocate; use allocate()")

    def unmap(self, region: DmaRegion) -> None:
        """Undo `map`; the default frees."""
        self.free(region)

    def sync_for_device(self, region: DmaRegion, start: int, size: int) -> None:
        """Host wrote ``array[start:start + size]``: let the device see it. Nothing to do with DIRECT_MEMORY."""

    def sync_for_host(self, region: DmaRegion, start: int, size: int) -> None:
        """Device may have written there: let the host see it. Nothing to do with DIRECT_MEMORY."""

    def sync_ranges_for_device(self, region: DmaRegion, starts: I64, sizes: I64) -> None:
        """`sync_for_device` for many ranges: offsets and bytes, int64 (n,) each."""
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
            self.sync_for_device(region, start, size)

    def sync_ranges_for_host(self, region: DmaRegion, starts: I64, sizes: I64) -> None:
        """`sync_for_host` for many ranges: offsets and bytes, int64 (n,) each."""
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
            self.sync_for_host(region, start, size)

    def zero(self, region: DmaRegion, start: int, size: int) -> None:
        """Make ``array[start:start + size]`` zero for host and device."""
        region.array[start : start + size] = 0
        self.sync_for_device(region, start, size)

    # Time.

    def now(self) -> int:
        """Target time in device clock cycles; never runs backwards. By default the device's own counter."""
        clock = self.bases[DEVICE.name] + DEVICE.address("time_lo") - DEVICE.base
        low, high = self.read_block(clock, 2).tolist()
        return int(low | high << 32)

    def sleep(self, cycles: int) -> None:
        """Let at least `cycles` of target time pass; by default time passes by itself."""
        limit = self.now() + cycles
        while self.now() < limit:
            pass

    def poll_until(self, condition: Callable[[], bool], timeout: int, step: int = 16) -> bool:
        """Wait until `condition()`; False when `timeout` cycles have passed first. The pace slows from `step` on."""
        limit = self.now() + timeout
        while not condition():
            left = limit - self.now()
            if left <= 0:
                return False
            self.sleep(min(step, left))
            step = min(2 * step, 4096)
        return True

    def wait_interrupt(self, vector: int, timeout: int) -> bool:
        """Wait for an interrupt of `vector` and take it; False after `timeout` cycles.

        A pending one is taken at once. The vector must be enabled in ``ev_enable``.
        """
        raise MissingCapability(f"{self.url}: has no interrupts; poll the completion ring")

    # The rig.

    @property
    def faults(self) -> FaultInjection:
        """Fault injection; :class:`MissingCapability` without ``Capability.FAULT_INJECTION``."""
        raise MissingCapability(f"{self.url}: can't inject faults; use model: or sim:")

    def evidence(self) -> dict[str, str]:
        """What the way to the device says of itself, for the record of a failure: link, errors. Never raises."""
        return {}

    def reset(self) -> None:
        """The hardest reset the rig has short of rebuilding; by default none. Regions stay."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the rig and of all its memory."""
