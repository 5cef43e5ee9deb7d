"""The model's host memory: one flat array, a map of what the device may reach, and injected faults."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from sgdma.errors import OutOfMemory
from sgdma.targets.contract import DmaRegion, FaultInjection
from sgdma.targets.heap import Heap

__all__ = ["HostMemory", "ModelFaults"]

U8 = npt.NDArray[np.uint8]
Ranges = list[tuple[int, int]]
PAGE = 4096


class HostMemory:
    """`size` bytes at bus address `base`. The device reaches allocated pages only, as behind an IOMMU."""

    def __init__(self, base: int, size: int, burst_bytes: int) -> None:
        self.base, self.size, self.burst_bytes = base, size, burst_bytes
        self.bytes: U8 = np.zeros(size, np.uint8)
        self.unmapped: Ranges = []
        self.read_errors: Ranges = []
        self.write_errors: Ranges = []
        self._heap = Heap(base, size)
        self._taken: dict[int, int] = {}
        self._starts: list[int] = []
        self._ends: list[int] = []

    def allocate(self, size: int, align: int) -> DmaRegion:
        """Whole pages, zeroed."""
        pages = -(-max(size, 1) // PAGE) * PAGE
        iova = self._heap.allocate(pages, max(align, PAGE))
        if iova is None:
            left = self.size - self._heap.used
            raise OutOfMemory(f"{size} bytes of DMA memory: {left} of {self.size} are free; free some or set memory=")
        self._taken[iova] = pages
        self.remap()
        array = self.bytes[iova - self.base : iova - self.base + size]
        array[:] = 0
        return DmaRegion(iova, array)

    def free(self, region: DmaRegion) -> None:
        """Unmap and give back; a second time is a KeyError."""
        self._heap.free(region.iova, self._taken.pop(region.iova))
        self.remap()

    def remap(self) -> None:
        """Work out the reachable ranges anew, merged and sorted."""
        ranges = sorted((iova, iova + pages) for iova, pages in self._taken.items())
        for low, high in self.unmapped:
            ranges = [part for a, b in ranges for part in ((a, min(b, low)), (max(a, high), b)) if part[0] < part[1]]
        merged: list[list[int]] = []
        for low, high in ranges:
            if merged and merged[-1][1] == low:
                merged[-1][1] = high
            else:
                merged.append([low, high])
        self._starts, self._ends = [a for a, _ in merged], [b for _, b in merged]

    def fails(self, address: int, size: int, write: bool) -> bool:
        """Whether an access to ``address .. address + size`` is answered by an error."""
        place = bisect_right(self._starts, address) - 1
        if place < 0 or address + size > self._ends[place]:
            return True
        errors = self.write_errors if write else self.read_errors
        return bool(errors) and any(low < address + size and address < high for low, high in errors)

    def view(self, address: int, size: int) -> U8:
        """The bytes of a range that does not fail."""
        return self.bytes[address - self.base : address - self.base + size]

    def bad_bursts(self, addresses: list[int], lengths: list[int], write: bool) -> list[tuple[int, int, int]]:
        """(stream start, stream end, segment) of every burst that is answered by an error, in order."""
        bad, stream = [], 0
        for segment, (address, length) in enumerate(zip(addresses, lengths, strict=True)):
            if self.fails(address, length, write):
                low = address
                while low < address + length:
                    high = min((low // self.burst_bytes + 1) * self.burst_bytes, address + length)
                    if self.fails(low, high - low, write):
                        bad.append((stream + low - address, stream + high - address, segment))
                    low = high
            stream += length
        return bad


class ModelFaults(FaultInjection):
    """Faults of :class:`HostMemory`; of the timing, latency and jitter count."""

    def __init__(self, memory: HostMemory) -> None:
        self._memory = memory
        self.latency, self.jitter = 64, 0

    def read_error(self, iova: int, size: int) -> None:
        self._memory.read_errors.append((iova, iova + size))

    def write_error(self, iova: int, size: int) -> None:
        self._memory.write_errors.append((iova, iova + size))

    def unmap(self, iova: int, size: int) -> None:
        self._memory.unmapped.append((iova, iova + size))
        self._memory.remap()

    def clear(self) -> None:
        self._memory.read_errors.clear()
        self._memory.write_errors.clear()
        self._memory.unmapped.clear()
        self._memory.remap()

    def timing(
        self, *, latency: int | None = None, jitter: int | None = None, backpressure: int | None = None,
        out_of_order: bool | None = None,
    ) -> None:  # fmt: skip
        self.latency = self.latency if latency is None else latency
        self.jitter = self.jitter if jitter is None else jitter
