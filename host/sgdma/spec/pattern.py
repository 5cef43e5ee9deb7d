"""The generator of all patterns: the fixture's hardware, the firmware, the model and the host make the same words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["mix"]

U32 = npt.NDArray[np.uint32]


def mix(words: U32) -> U32:
    """One round of xorshift32 (Marsaglia: 13, 17, 5) over u32 (n,)."""
    words = words ^ words << np.uint32(13)
    words = words ^ words >> np.uint32(17)
    return words ^ words << np.uint32(5)
