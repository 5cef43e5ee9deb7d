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


@pytest.mark.parametrize("wrong", [
    {"size": -1}, {"size": 64.0}, {"guard": -1}, {"guard": 1.5}, {"align": 3}, {"align": 0}, {"boundary": 3},
    {"boundary": 32}, {"boundary": -64}, {"boundary": 64, "guard": 1}, {"residue": 0.5},
])  # fmt: skip
def test_a_buffer_that_can_not_be_is_refused(dma: Dma, wrong: dict[str, object]) -> None:
    used = dma.arena.buffers.used
    with pytest.raises(RequestError, match=f"{next(iter(wrong))} = "):
        dma.buffer(**({"size": 64} | wrong))  # type: ignore[arg-type]
    assert dma.arena.buffers.used == used
    assert dma.buffer(64, boundary=64, residue=-8).size == 64


def test_a_freed_buffer_is_no_piece(dma: Dma) -> None:
    buffer = dma.buffer(64)
    part = buffer[8:40][8:16]
    dma.read([buffer, part]).result()
    dma.free(buffer)
    for piece in (buffer, part):
        with pytest.raises(RequestError, match="was freed"):
            dma.read(piece)
