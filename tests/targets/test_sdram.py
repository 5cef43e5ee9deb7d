"""A board whose DMA memory is SDRAM: the host waits until it is awake, and tells when it never will be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sgdma.errors import MemoryFailed
from sgdma.spec.registers import BOARD, BOARD_MAGIC, DEVICE
from sgdma.targets.board import MEMORY_LIMIT, BoardTarget


class Sleepy:
    """A link to a board whose memory answers `states` one by one, the last for ever; time passes by reading."""

    def __init__(self, *states: int, step: int = 1000) -> None:
        self.states, self.step, self.cycles, self.asked = list(states), step, 0, 0
        self.words = {BOARD.address("magic"): BOARD_MAGIC, BOARD.address("features"): 1 << 5,
                      BOARD.address("memory_base"): 1 << 31, BOARD.address("memory_bytes"): 1 << 16,
                      BOARD.address("memory_lanes"): 0x0000_6C00}  # fmt: skip

    def read(self, address: int, count: int) -> Any:
        self.cycles += self.step
        self.words[DEVICE.address("time_lo")], self.words[DEVICE.address("time_lo") + 4] = self.cycles, 0
        if address == BOARD.address("memory_state"):
            self.asked += 1
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return np.array([state], np.uint32)
        return np.array([self.words.get(address + 4 * place, 0) for place in range(count)], np.uint32)


def test_the_host_waits_until_memory_is_awake() -> None:
    link: Any = Sleepy(0, 0, 0, 1)
    board = BoardTarget("uart:none", link, 0)
    assert board.memory_bytes == 1 << 16
    assert link.asked == 4
    assert board.memory_lanes() == [(0, 0, 0), (1, 4, 3), (0, 0, 0), (0, 0, 0)]


@pytest.mark.parametrize("link", [Sleepy(0, 0, 2), Sleepy(0, step=MEMORY_LIMIT // 4)])
def test_memory_that_does_not_work_is_a_fault_of_the_rig(link: Any) -> None:
    """It says so, or says nothing within its time; what was found for the data lines is told."""
    with pytest.raises(MemoryFailed, match=r"0x00006c00.*without --dram"):
        BoardTarget("uart:none", link, 0)
