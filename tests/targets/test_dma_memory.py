"""Memory that stays mapped: handed out again, given up when its room is wanted, and never somebody's twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sgdma.errors import MappingFailed, OutOfMemory
from sgdma.targets.dma_memory import DmaMemory

PAGE = 4096
LIMIT = 64 * PAGE


class Recorder:
    """A function that writes down what is mapped, and refuses overlaps and unmapping of what is not."""

    page, iova_limit = PAGE, (0, (1 << 32) - 1)

    def __init__(self) -> None:
        self.mapped: dict[int, int] = {}
        self.memory: list[int] = []
        self.maps = 0
        self.refuse = False

    def allocate(self, size: int) -> Any:
        array = np.zeros(size, np.uint8)
        self.memory.append(id(array))
        return array

    def release(self, array: Any) -> None:
        self.memory.remove(id(array))

    def map(self, array: Any, iova: int) -> None:
        if self.refuse:
            raise MappingFailed("no")
        assert all(iova + len(array) <= start or start + size <= iova for start, size in self.mapped.items())
        self.mapped[iova] = len(array)
        self.maps += 1

    def unmap(self, iova: int, size: int) -> None:
        assert self.mapped.pop(iova) == size


@pytest.fixture
def function() -> Recorder:
    return Recorder()


@pytest.fixture
def memory(function: Any) -> DmaMemory:
    return DmaMemory(function, LIMIT)


def test_memory_given_back_is_handed_out_again_zeroed_without_mapping(function: Recorder, memory: DmaMemory) -> None:
    iova, array = memory.allocate(5 * PAGE, PAGE)
    array[:] = 0xFF
    memory.free(iova)
    again, zeroed = memory.allocate(5 * PAGE - 1, PAGE)
    assert (again, function.maps) == (iova, 1)
    assert not zeroed.any()


def test_kept_memory_of_the_wrong_alignment_or_size_is_not_handed_out(function: Recorder, memory: DmaMemory) -> None:
    memory.allocate(PAGE, PAGE)
    odd, _ = memory.allocate(PAGE, PAGE)
    assert odd % (2 * PAGE)
    memory.free(odd)
    assert memory.allocate(PAGE, 2 * PAGE)[0] != odd
    assert memory.allocate(2 * PAGE, PAGE)[0] != odd
    assert memory.allocate(PAGE, PAGE)[0] == odd


def test_what_is_kept_gives_way_to_what_is_wanted(function: Recorder, memory: DmaMemory) -> None:
    places = [memory.allocate(LIMIT // 4, PAGE)[0] for _ in range(4)]
    for place in places:
        memory.free(place)
    memory.allocate(LIMIT // 2, PAGE)
    kept = {iova for iova, size in function.mapped.items() if size == LIMIT // 4}
    assert kept == set(places[2:])  # the longest unused went
    assert sum(function.mapped.values()) <= LIMIT
    assert len(function.memory) == len(function.mapped)


def test_more_than_the_limit_is_refused_and_what_is_kept_stays(function: Recorder, memory: DmaMemory) -> None:
    iova, _ = memory.allocate(PAGE, PAGE)
    memory.free(iova)
    memory.allocate(LIMIT - PAGE, PAGE)
    with pytest.raises(OutOfMemory, match=str(LIMIT)):
        memory.allocate(2 * PAGE, PAGE)
    assert iova in function.mapped
    assert memory.allocate(PAGE, PAGE)[0] == iova


def test_a_mapping_that_fails_leaves_nothing_behind(function: Recorder, memory: DmaMemory) -> None:
    function.refuse = True
    for _ in range(3):
        with pytest.raises(MappingFailed):
            memory.allocate(PAGE, PAGE)
        with pytest.raises(MappingFailed):
            memory.map(np.zeros(PAGE, np.uint8))
    assert not function.memory
    function.refuse = False
    assert memory.allocate(LIMIT, PAGE)[0] == 0x1000_0000  # the bus addresses came back as well


def test_memory_of_the_callers_is_not_kept(function: Recorder, memory: DmaMemory) -> None:
    array = np.zeros(3 * PAGE, np.uint8)[100 : 100 + PAGE]
    first = memory.map(array)
    assert first % PAGE == array.__array_interface__["data"][0] % PAGE
    memory.unmap(first)
    assert not function.mapped
