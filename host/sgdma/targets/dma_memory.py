"""The memory that a function reaches: what is mapped at which bus address, and what stays mapped for the next time.

Mapping is what costs: a lock and an entry of the IOMMU a page, and in a guest a message to the host. So memory of our
own stays mapped when it is given back, and is handed out again, zeroed. Memory of the caller's never does: what lies at
its address may be something else the next moment.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sgdma.errors import OutOfMemory
from sgdma.pcie.function import PciFunction
from sgdma.pcie.pages import whole_pages
from sgdma.targets.heap import Heap

__all__ = ["DmaMemory"]

U8 = npt.NDArray[np.uint8]
IOVA_BASE, IOVA_BYTES = 0x1000_0000, 0x4000_0000
"""Where DMA memory is mapped: below 4 GiB, clear of the ranges that platforms keep for interrupts and firmware."""


class DmaMemory:
    """Memory of `function`: at most `limit` bytes of its own kind at a time, and any of the caller's."""

    def __init__(self, function: PciFunction, limit: int) -> None:
        self._function, self._limit = function, limit
        low, high = function.iova_limit
        base = max(IOVA_BASE, low)
        self._addresses = Heap(base, min(IOVA_BYTES, high + 1 - base))
        self._own: dict[int, U8] = {}
        self._kept: dict[int, U8] = {}  # given back, mapped still; the longest unused first
        self._foreign: dict[int, tuple[int, int, list[tuple[int, int]]]] = {}

    # Our own.

    def allocate(self, size: int, align: int) -> tuple[int, U8]:
        """Bus address and array of `size` zeroed bytes (whole pages are mapped). Raises OutOfMemory, MappingFailed."""
        page = self._function.page
        whole = -(-max(size, 1) // page) * page
        iova = next((at for at, array in self._kept.items() if len(array) == whole and not at % align), None)
        if iova is None:
            self._make_room(size, whole)
            iova = self._map_own(whole, max(align, page))
        else:
            self._own[iova] = self._kept.pop(iova)
            self._own[iova][:] = 0
        return iova, self._own[iova]

    def free(self, iova: int) -> None:
        """Give memory of `allocate` back. It stays mapped, as nobody's, until its room is wanted."""
        self._kept[iova] = self._own.pop(iova)

    def _make_room(self, size: int, whole: int) -> None:
        mine = sum(map(len, self._own.values()))
        if mine + whole > self._limit:
            raise OutOfMemory(f"{size} bytes of DMA memory: {self._limit} may be mapped in all; set memory=")
        while self._kept and mine + sum(map(len, self._kept.values())) + whole > self._limit:
            self._let_go()

    def _let_go(self) -> None:
        """Unmap what was kept longest."""
        iova = next(iter(self._kept))
        array = self._kept[iova]
        self._function.unmap(iova, len(array))
        del self._kept[iova]
        self._addresses.free(iova, len(array))
        self._function.release(array)

    def _map_own(self, whole: int, align: int) -> int:
        array = self._function.allocate(whole)
        try:
            iova = self._address(whole, align)
            try:
                self._function.map(array, iova)
            except BaseException:
                self._addresses.free(iova, whole)
                raise
        except BaseException:
            self._function.release(array)
            raise
        self._own[iova] = array
        return iova

    def _address(self, size: int, align: int) -> int:
        """Bus addresses for so many bytes; what is kept gives way."""
        while (iova := self._addresses.allocate(size, align)) is None:
            if not self._kept:
                raise OutOfMemory(f"{size} bytes at a multiple of {align}: no bus addresses are left; free some")
            self._let_go()
        return iova

    # The caller's.

    def map(self, *arrays: U8) -> int:
        """Bus address of the first byte of arrays that lie one behind the other from there on; whole pages are mapped.

        Raises MappingFailed for pieces that are not contiguous when laid page to page, OutOfMemory.
        """
        page = self._function.page
        views = whole_pages(arrays, page)
        total = sum(map(len, views))
        iova = self._address(total, page)
        done: list[tuple[int, int]] = []
        try:
            for view in views:
                place = iova + sum(size for _, size in done)
                self._function.map(view, place)
                done.append((place, len(view)))
        except BaseException:
            self._undo(iova, total, done)
            raise
        first = iova + int(arrays[0].__array_interface__["data"][0]) % page
        self._foreign[first] = iova, total, done
        return first

    def unmap(self, first: int) -> None:
        """Undo `map`: the device no longer reaches it when this returns."""
        self._undo(*self._foreign.pop(first))

    def _undo(self, iova: int, total: int, done: list[tuple[int, int]]) -> None:
        for place, size in done:
            self._function.unmap(place, size)
        self._addresses.free(iova, total)

    def clear(self) -> None:
        """Forget all of it: the function is about to be closed, which unmaps everything."""
        self._own.clear()
        self._kept.clear()
        self._foreign.clear()
