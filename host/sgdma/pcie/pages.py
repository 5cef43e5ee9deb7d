"""Arrays as the whole pages that they lie in: what an IOMMU maps."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sgdma.errors import MappingFailed

__all__ = ["whole_pages"]

U8 = npt.NDArray[np.uint8]


def whole_pages(arrays: Sequence[U8], page: int) -> list[U8]:
    """The pages of each array, with what else lies in them; arrays that follow each other in memory are one.

    Raises MappingFailed when an array but the first begins, or one but the last ends, within a page: the range of bus
    addresses would have a gap there.
    """
    spans: list[list[int]] = []
    for index, array in enumerate(arrays):
        start = int(array.__array_interface__["data"][0])
        end = start + len(array)
        if not len(array) or (index and start % page) or (index < len(arrays) - 1 and end % page):
            raise MappingFailed(
                f"array {index} of {len(arrays)}, {len(array)} bytes at {start:#x}: must not be empty, and must begin "
                f"and end at multiples of {page} towards its neighbours; map them one by one"
            )
        if spans and spans[-1][1] == start:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    whole = [(start // page * page, -(-end // page) * page) for start, end in spans]
    return [np.ctypeslib.as_array((ctypes.c_uint8 * (end - start)).from_address(start)) for start, end in whole]
