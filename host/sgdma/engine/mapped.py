"""Memory of the caller's that the device reaches where it lies: no staging, and one range for what is scattered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sgdma.targets import DmaRegion

__all__ = ["Mapped"]

U8 = npt.NDArray[np.uint8]


@dataclass(eq=False)
class Mapped:
    """Arrays, one behind the other from bus address ``iova`` on; a piece of a request as a whole or by its arrays."""

    iova: int
    arrays: tuple[U8, ...]
    region: DmaRegion = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of all arrays."""
        return sum(map(len, self.arrays))

    def parts(self, iova: int, size: int) -> Iterator[U8]:
        """The host's views of a range that lies within, in order."""
        start = self.iova
        for array in self.arrays:
            low, high = max(iova - start, 0), min(iova + size - start, len(array))
            if low < high:
                yield array[low:high]
            start += len(array)

    def locate(self, array: U8) -> int | None:
        """Bus address of an array that lies within one of these, else None."""
        place, start = _address(array), self.iova
        for mine in self.arrays:
            offset = place - _address(mine)
            if offset >= 0 and offset + len(array) <= len(mine):
                return start + offset
            start += len(mine)
        return None


def _address(array: U8) -> int:
    return int(array.__array_interface__["data"][0])
