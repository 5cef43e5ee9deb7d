"""The dma fixture at work, as the suite uses it."""

from __future__ import annotations

import numpy as np

from sgdma.engine.device import Dma
from sgdma.run.compare import assert_same


def test_what_is_written_is_read_back(dma: Dma, rng: np.random.Generator) -> None:
    out, back = dma.buffer(4096), dma.buffer(4096)
    out.array[:] = rng.integers(0, 256, 4096)
    dma.write(out, card_address=256).result()
    dma.read(back, card_address=256).result()
    assert_same(back, out)
