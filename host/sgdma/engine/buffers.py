"""DMA memory on the host: one region of the target, cut into rings, buffers and bounce areas."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sgdma.engine.limits import whole
from sgdma.engine.mapped import Mapped
from sgdma.errors import ArenaTooSmall, OutOfMemory, RequestError
from sgdma.targets import Capability, Target
from sgdma.targets.heap import Heap

__all__ = ["GUARD", "Arena", "DmaBuffer"]

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
GUARD = 0xA5
"""What guard bytes hold."""
VECTOR_BYTES = 256
"""Copies shorter than this on average are made by index arrays, longer ones one by one."""


@dataclass(eq=False)
class DmaBuffer:
    """`size` bytes that both sides reach: ``array`` is the host's view, ``iova`` the bus address of its first byte.

    Slicing gives a part of the same memory. ``guards`` holds the bytes before and behind, if asked for.
    """

    iova: int
    array: U8
    guards: tuple[U8, ...] = field(default=(), repr=False)
    block: tuple[int, int] | None = field(default=None, repr=False)  # what the heap gave, until it is given back
    parent: DmaBuffer | None = field(default=None, repr=False)  # what this is a slice of

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.array)

    @property
    def freed(self) -> bool:
        """Whether the memory was given back."""
        return (self if self.parent is None else self.parent).block is None

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, part: slice) -> DmaBuffer:
        start, stop, step = part.indices(len(self.array))
        if step != 1:
            raise RequestError(f"buffer slice of step {step}: must be 1; list the pieces instead")
        parent = self if self.parent is None else self.parent  # an empty one is no less one
        return DmaBuffer(self.iova + start, self.array[start : max(start, stop)], parent=parent)

    def intact(self) -> bool:
        """Whether no guard byte was touched."""
        return all(bool((guard == GUARD).all()) for guard in self.guards)


class Arena:
    """The driver's share of the target's memory: ``buffers`` for rings and users, ``bounce`` for the planner."""

    def __init__(self, target: Target, size: int) -> None:
        self.target = target
        self.region = target.allocate(size, 1 << 16)
        self.direct = Capability.DIRECT_MEMORY in target.capabilities
        self.iova, self.array = self.region.iova, self.region.array
        bounce = size // 4 & -4096
        self.buffers = Heap(self.iova, size - bounce)
        self.bounce = Heap(self.iova + size - bounce, bounce)
        self._pointer = self.array.__array_interface__["data"][0]
        self.mapped: list[Mapped] = []

    def map(self, *arrays: U8) -> Mapped:
        """Let the device reach these where they lie. Raises MissingCapability, MappingFailed."""
        region = self.target.map(*arrays)
        self.mapped.append(Mapped(region.iova, arrays, region))
        return self.mapped[-1]

    def unmap(self, mapped: Mapped) -> None:
        """Undo `map`. Raises :class:`RequestError` the second time."""
        if mapped not in self.mapped:
            raise RequestError(f"memory at {mapped.iova:#x}: is not mapped by this device, or not any more")
        self.mapped.remove(mapped)
        self.target.unmap(mapped.region)

    def check(self, iova: int, size: int) -> None:
        """Whether a range is the driver's. Raises :class:`RequestError`."""
        if not any(one.iova <= iova and iova + size <= one.iova + one.size for one in self.mapped):
            self.view(iova, size)

    def check_all(self, addresses: npt.NDArray[np.uint64], lengths: npt.NDArray[np.uint64]) -> None:
        """`check` for many ranges: bus addresses and bytes, (n,) each."""
        ends, mine = addresses + lengths, np.zeros(len(addresses), np.bool_)
        for first, size in [(self.iova, len(self.array)), *((one.iova, one.size) for one in self.mapped)]:
            mine |= (addresses >= first) & (ends <= first + size) & (ends >= addresses)
        if not mine.all():
            stray = int(np.argmin(mine))
            self.check(int(addresses[stray]), int(lengths[stray]))

    def view(self, iova: int, size: int) -> U8:
        """The host's view of a range. Raises :class:`RequestError` outside the arena."""
        start = iova - self.iova
        if start < 0 or size < 0 or start + size > len(self.array):
            mine = f"{self.iova:#x}..{self.iova + len(self.array):#x}"
            raise RequestError(f"range {iova:#x} + {size}: outside DMA memory {mine}; use dma.buffer()")
        return self.array[start : start + size]

    def locate(self, array: U8) -> int | None:
        """Bus address of an array that lies in DMA memory, the arena's or mapped, else None."""
        start = int(array.__array_interface__["data"][0]) - self._pointer
        if start >= 0 and start + len(array) <= len(self.array):
            return int(self.iova + start)
        return next((place for one in self.mapped if (place := one.locate(array)) is not None), None)

    def demand(self, size: int, guard: int = 0) -> None:
        """Raises :class:`ArenaTooSmall` for what would not fit into an empty arena."""
        if size + 2 * guard > self.buffers.size:
            guards = f" between guards of {guard}" if guard else ""
            room = f"the arena of {len(self.array)} bytes has {self.buffers.size} for buffers"
            raise ArenaTooSmall(f"buffer of {size} bytes{guards}: {room}; give more: arena= of sgdma.open or "
                                "@pytest.mark.dma_options, memory= in the target's URL")  # fmt: skip

    def allocate(self, size: int, align: int = 64, *, residue: int = 0, boundary: int = 0, guard: int = 0) -> DmaBuffer:
        """A zeroed buffer at address ≡ `residue` (mod `align`) with `guard` guard bytes on both sides.

        It crosses no multiple of `boundary`, guards included. Raises :class:`OutOfMemory`, :class:`RequestError`.
        """
        size, guard, residue = whole("size", size), whole("guard", guard), whole("residue", residue, low=None)
        total = size + 2 * guard
        if not _power_of_two(whole("align", align)):
            raise RequestError(f"align = {align}: must be a power of two")
        if whole("boundary", boundary) and not (_power_of_two(boundary) and boundary >= total):
            raise RequestError(f"boundary = {boundary}: must be 0, or a power of two of at least {total}, the buffer's "
                               "size and its guards")  # fmt: skip
        block = self.buffers.allocate(max(total, 1), align, residue=residue - guard, boundary=boundary)
        if block is None:
            left = self.buffers.size - self.buffers.used
            raise OutOfMemory(f"buffer of {size} bytes: {left} are free in pieces; free some, or give more: "
                              "arena= of sgdma.open, memory= in the target's URL")  # fmt: skip
        view = self.view(block, total)
        view[:] = 0
        guards = (view[:guard], view[guard + size :]) if guard else ()
        for part in guards:
            part[:] = GUARD
        return DmaBuffer(block + guard, view[guard : guard + size], guards, (block, max(total, 1)))

    def free(self, buffer: DmaBuffer) -> None:
        """Give a buffer back. Raises :class:`RequestError` for a slice, or the second time."""
        if buffer.block is None:
            raise RequestError(f"buffer at {buffer.iova:#x}: is a slice or freed already; free the whole buffer once")
        self.buffers.free(*buffer.block)
        buffer.block = None

    def copy(self, to: npt.NDArray[np.int64], source: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> None:
        """Copy ranges within the arena: bus addresses and bytes, (n,) each."""
        total = int(sizes.sum())
        if not total:
            return
        if self.mapped and not (self._all_own(to, sizes) and self._all_own(source, sizes)):
            self._copy_mapped(to, source, sizes)
            return
        if total >= VECTOR_BYTES * len(sizes) or len(sizes) < 8:
            for place, start, size in zip((to - self.iova).tolist(), (source - self.iova).tolist(), sizes.tolist(),
                                            strict=True):  # fmt: skip
                self.array[place : place + size] = self.array[start : start + size]
            return
        before = np.cumsum(sizes) - sizes
        inside = np.arange(total) - np.repeat(before, sizes)
        origin = np.repeat(source - self.iova, sizes) + inside
        self.array[np.repeat(to - self.iova, sizes) + inside] = self.array[origin]

    def _all_own(self, iovas: I64, sizes: I64) -> bool:
        return bool(((iovas >= self.iova) & (iovas + sizes <= self.iova + len(self.array))).all())

    def _copy_mapped(self, to: I64, source: I64, sizes: I64) -> None:
        """Edges between staging memory and memory of the caller's, range by range."""
        for place, start, size in zip(to.tolist(), source.tolist(), sizes.tolist(), strict=True):
            data = np.concatenate(self._parts(start, size))
            for part in self._parts(place, size):
                part[:] = data[: len(part)]
                data = data[len(part) :]

    def _parts(self, iova: int, size: int) -> list[U8]:
        for one in self.mapped:
            if one.iova <= iova and iova + size <= one.iova + one.size:
                return list(one.parts(iova, size))
        return [self.view(iova, size)]

    def push(self, iovas: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> None:
        """Let the device see what the host wrote to these ranges (nothing to do in direct memory)."""
        if not self.direct:
            self.target.sync_ranges_for_device(self.region, *self._own(iovas, sizes))

    def zero(self, buffer: DmaBuffer) -> None:
        """Make a buffer zero for host and device."""
        self.target.zero(self.region, buffer.iova - self.iova, buffer.size)

    def pull(self, iovas: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> None:
        """Let the host see what the device wrote to these ranges (nothing to do in direct memory)."""
        if not self.direct:
            self.target.sync_ranges_for_host(self.region, *self._own(iovas, sizes))

    def _own(self, iovas: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> tuple[I64, I64]:
        """Offsets and sizes of the ranges that lie in the arena: a raw request may name memory that is nobody's."""
        starts = iovas - self.iova
        mine = (starts >= 0) & (starts + sizes <= len(self.array))
        return starts[mine], sizes[mine]

    def close(self) -> None:
        """Give the region back to the target."""
        self.target.free(self.region)


def _power_of_two(value: int) -> bool:
    return value > 0 and not value & (value - 1)
