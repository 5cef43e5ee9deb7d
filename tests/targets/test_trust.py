"""`trust=crc`: what the board's checksum vouches for crosses no link, everything else does."""

from __future__ import annotations

from typing import Any

import google_crc32c
import numpy as np
import pytest

from sgdma.errors import TargetUrlError
from sgdma.targets import open_target
from sgdma.targets.board import BoardTarget

BASE, SIZE = 0x4000_0000, 65536


class Memory:
    """A link to nothing but memory; it counts the words that cross it."""

    def __init__(self) -> None:
        self.bytes = np.zeros(SIZE, np.uint8)
        self.read_words = self.summed_words = 0

    def _part(self, address: int, words: int) -> Any:
        return self.bytes[address - BASE : address - BASE + 4 * words]

    def read(self, address: int, count: int) -> Any:
        self.read_words += count
        return self._part(address, count).view("<u4").astype(np.uint32)

    def write(self, address: int, values: Any) -> None:
        words = np.asarray(values, "<u4")
        self._part(address, len(words))[:] = words.view(np.uint8)

    def checksum(self, address: int, words: int) -> int:
        self.summed_words += words
        return int(google_crc32c.value(self._part(address, words).tobytes()))


@pytest.fixture
def memory() -> Memory:
    return Memory()


def target(memory: Any, trust: bool) -> BoardTarget:
    return BoardTarget("test", memory, 0, (BASE, SIZE), trust=trust)


def test_what_is_as_the_copy_is_not_read_and_what_is_not_is(memory: Memory) -> None:
    board = target(memory, trust=True)
    region = board.allocate(8192)
    region.array[:] = np.random.default_rng(1).integers(0, 256, 8192, np.uint8)
    board.sync_for_device(region, 0, 8192)
    kept = region.array.copy()
    board.sync_for_host(region, 0, 8192)
    assert (memory.read_words, memory.summed_words) == (0, 2048)
    memory.bytes[region.iova - BASE + 5000] ^= 1
    board.sync_ranges_for_host(region, np.array([0, 4096]), np.array([1024, 4096]))
    assert memory.read_words == 1024, "the part that has changed, and no other"
    assert np.flatnonzero(region.array != kept).tolist() == [5000]


def test_short_ranges_and_boards_that_are_not_trusted_are_read(memory: Memory) -> None:
    board = target(memory, trust=True)
    region = board.allocate(8192)
    board.sync_for_host(region, 4, 100)
    assert (memory.read_words, memory.summed_words) == (25, 0)
    other = target(memory, trust=False)
    other.sync_for_host(other.allocate(8192), 0, 8192)
    assert (memory.read_words, memory.summed_words) == (25 + 2048, 0)


def test_how_to_trust_is_one_of_two_words() -> None:
    with pytest.raises(TargetUrlError, match="'md5': unknown; there are all, crc"):
        open_target("uart:/dev/ttyX?trust=md5")
