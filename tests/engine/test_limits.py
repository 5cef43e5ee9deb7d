"""What callers may ask for: numbers out of range are told with their limit, and leave the device as it was."""

from __future__ import annotations

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.errors import RequestError


@pytest.mark.parametrize("timeout", [100.0, "100", -1])
def test_a_timeout_is_a_whole_number_of_cycles(dma: Dma, timeout: object) -> None:
    transfer = dma.write(bytes(65536))
    for wait in (transfer.result, transfer.wait, transfer.batch.result, dma.wait_all, dma.queue(0).abort):
        with pytest.raises(RequestError, match=r"timeout = .*: must be .*0 or more"):
            wait(timeout)  # type: ignore[arg-type]
    dma.reset()
    dma.write(bytes(64)).result(timeout=np.int64(100_000))  # type: ignore[arg-type]


def test_a_target_sleeps_whole_cycles_only(dma: Dma) -> None:
    for wait in (dma.target.sleep, lambda cycles: dma.target.wait_interrupt(0, cycles)):
        with pytest.raises(TypeError):
            wait(100.0)  # type: ignore[arg-type]
    assert dma.write(bytes(64)).result().ok
