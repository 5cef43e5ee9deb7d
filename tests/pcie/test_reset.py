"""A function that is reset in the middle of its writes: what the device still says in that moment is nobody's."""

from __future__ import annotations

import random

import numpy as np
import pytest

import sgdma
from sgdma.run.slot import served_function
from sgdma.spec.status import Port
from sgdma.targets.pcie import PcieTarget

TIMES, REQUESTS, SIZE = 100, 1024, 64


@pytest.mark.sim
def test_resets_amid_a_stream_of_writes() -> None:
    """The bench checks every access; a beat of before the reset must not be taken for one behind it."""
    random.seed(1)
    with served_function() as function:
        dma = sgdma.open(f"vfio-user:{function}")
        with dma.target as target:
            assert isinstance(target, PcieTarget)
            buffer = dma.buffer(REQUESTS * SIZE, 4096)
            places, sizes = buffer.iova + SIZE * np.arange(REQUESTS), np.full(REQUESTS, SIZE)
            for _ in range(TIMES):
                dma.read_batch(places, sizes, port=Port.PATTERN)
                begin = target.now()
                while target.now() - begin < random.randrange(200, 2000):
                    pass
                target.function_level_reset()
                dma.reset()
            dma.read_batch(places, sizes, port=Port.PATTERN).result()
            dma.close()
