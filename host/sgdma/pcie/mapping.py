"""Memory of a client that a served function reaches: ranges of bus addresses over files that were sent along.

As an IOMMU's page table: what is in no range answers with an error. One mapping a file, however many ranges show it.
"""

from __future__ import annotations

import errno
import mmap
import os

import numpy as np
import numpy.typing as npt

__all__ = ["RANGE", "RangeTable", "Refused"]

RANGE = np.dtype([("start", "<u8"), ("end", "<u8"), ("pointer", "<u8"), ("forbidden", "<u8")])
"""Bus addresses `start` to `end` - 1 at `pointer` in this process; `forbidden`: 1 reading, 2 writing by the device."""
READ, WRITE = 1, 2
PAGE = 4096


class Refused(Exception):
    """A request of the client that can't be met; `number` is its errno."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


class RangeTable:
    """Ranges, sorted and without overlap."""

    def __init__(self) -> None:
        self.ranges: npt.NDArray[np.void] = np.zeros(0, RANGE)
        self._files: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}

    def add(self, start: int, size: int, fd: int, offset: int, flags: int) -> None:
        """Show `size` bytes from `offset` of the file at bus address `start`; `flags`: READ, WRITE. Raises Refused."""
        end = start + size
        if size <= 0 or (start | size | offset) % PAGE or end > 1 << 64:
            raise Refused(errno.EINVAL, f"range {start:#x} + {size:#x} at {offset:#x}: must be whole pages")
        ranges = self.ranges
        if bool(((ranges["start"] < end) & (ranges["end"] > start)).any()):
            raise Refused(errno.EEXIST, f"range {start:#x} + {size:#x}: overlaps one that is mapped")
        whole = self._file(fd)
        if offset + size > len(whole):
            raise Refused(errno.EINVAL, f"range of {size:#x} bytes at {offset:#x} of a file of {len(whole):#x}")
        pointer = int(whole.__array_interface__["data"][0]) + offset
        new = np.array([(start, end, pointer, ~flags & (READ | WRITE))], RANGE)
        self.ranges = np.insert(ranges, int(np.searchsorted(ranges["start"], start)), new)

    def remove(self, start: int, size: int) -> None:
        """Take away the ranges that lie within; what is in none is left alone. Raises Refused for a part of one."""
        ranges, end = self.ranges, start + size
        inside = (ranges["start"] >= start) & (ranges["end"] <= end)
        if bool(((ranges["start"] < end) & (ranges["end"] > start) & ~inside).any()):
            raise Refused(errno.EINVAL, f"range {start:#x} + {size:#x}: would cut one that is mapped")
        self.ranges = ranges[~inside]
        self._let_go()

    def _let_go(self) -> None:
        """Forget files that no range shows any more: their memory is the client's to give back."""
        pointers = self.ranges["pointer"]
        for key, whole in list(self._files.items()):
            first = int(whole.__array_interface__["data"][0])
            if not bool(((pointers >= first) & (pointers < first + len(whole))).any()):
                del self._files[key]

    def clear(self) -> None:
        """Take away all ranges, and let go of the files."""
        self.ranges = np.zeros(0, RANGE)
        self._files.clear()

    def _file(self, fd: int) -> npt.NDArray[np.uint8]:
        status = os.fstat(fd)
        key = status.st_dev, status.st_ino
        if key not in self._files or len(self._files[key]) < status.st_size:
            try:
                self._files[key] = np.frombuffer(mmap.mmap(fd, status.st_size), np.uint8)
            except (OSError, ValueError) as error:
                raise Refused(errno.EINVAL, f"the file can't be mapped: {error}") from error
        return self._files[key]
