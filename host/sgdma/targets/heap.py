"""First-fit allocation of an address range: the model's DMA memory and the driver's arena live by it."""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["Heap"]


class Heap:
    """Addresses ``base .. base + size``. Free ranges are kept sorted and merged."""

    def __init__(self, base: int, size: int) -> None:
        self.base, self.size = base, size
        self._starts, self._ends = [base], [base + size]
        self.used = 0

    def allocate(self, size: int, align: int = 1, *, residue: int = 0, boundary: int = 0) -> int | None:
        """Address ≡ `residue` (mod `align`) of `size` bytes that cross no multiple of `boundary` (0: none).

        `align` and `boundary` are powers of two. None when nothing fits.
        """
        for place in range(len(self._starts)):
            start = self._starts[place]
            address = start + (residue - start) % align
            if boundary and address // boundary != (address + size - 1) // boundary:
                address = -(-address // boundary) * boundary
                address += (residue - address) % align
            if address + size <= self._ends[place]:
                self._take(place, address, address + size)
                return address
        return None

    def free(self, address: int, size: int) -> None:
        """Give back exactly what `allocate` gave."""
        place, end = bisect_left(self._starts, address), address + size
        self.used -= size
        if place < len(self._starts) and self._starts[place] == end:
            self._starts[place] = address
        else:
            self._starts.insert(place, address)
            self._ends.insert(place, end)
        if place and self._ends[place - 1] == address:
            self._ends[place - 1] = self._ends[place]
            del self._starts[place], self._ends[place]

    def _take(self, place: int, address: int, end: int) -> None:
        start, stop = self._starts[place], self._ends[place]
        self.used += end - address
        left = [(a, b) for a, b in ((start, address), (end, stop)) if a < b]
        self._starts[place : place + 1] = [a for a, _ in left]
        self._ends[place : place + 1] = [b for _, b in left]
