"""Memory under the driver: allocation, copies, a target that does not share it, and thousands of requests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgdma.engine.buffers import Arena
from sgdma.engine.device import Dma
from sgdma.errors import ArenaTooSmall, OutOfMemory, RequestError
from sgdma.rules import Direction
from sgdma.spec.status import Port
from sgdma.targets import Capability, DmaRegion, conformance, open_target
from sgdma.targets.heap import Heap
from sgdma.targets.model import ModelTarget
from sgdma.targets.url import parse


class Remote(ModelTarget):
    """The model with memory that the host must fetch and send, as behind a serial line."""

    capabilities = Capability.NONE

    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        real = super().allocate(size, align)
        return DmaRegion(real.iova, real.array.copy(), real)

    def free(self, region: DmaRegion) -> None:
        assert isinstance(region.handle, DmaRegion)
        super().free(region.handle)

    def sync_for_device(self, region: DmaRegion, start: int, size: int) -> None:
        assert isinstance(region.handle, DmaRegion)
        region.handle.array[start : start + size] = region.array[start : start + size]

    def sync_for_host(self, region: DmaRegion, start: int, size: int) -> None:
        assert isinstance(region.handle, DmaRegion)
        region.array[start : start + size] = region.handle.array[start : start + size]


def test_memory_that_is_not_shared_is_sent_and_fetched() -> None:
    with Dma(Remote(parse("model:")), cq_log2=3, sq_log2=6) as dma:
        for seed in range(40):
            data, back = np.random.default_rng(seed).integers(0, 256, 4000).astype(np.uint8), np.zeros(4000, np.uint8)
            source, sink = dma.buffer(4001), dma.buffer(4001)
            source.array[1:] = data
            dma.write(source[1:], port=Port.LOOPBACK)
            dma.read(sink[1:], port=Port.LOOPBACK).result()
            dma.write(data).result()
            dma.read(back).result()
            assert np.array_equal(sink.array[1:], data)
            assert np.array_equal(back, data)
            dma.free(source)
            dma.free(sink)
        assert not dma.faults


def test_the_contract_holds_without_shared_memory() -> None:
    with Remote(parse("model:")) as target:
        conformance.device_reads_and_writes_memory(target)


def test_4096_requests_are_in_flight_at_once(dma: Dma) -> None:
    count = 2048
    source, sink = dma.buffer(16 * count, 16), dma.buffer(16 * count, 16, residue=8)
    source.array[:] = np.random.default_rng(2).integers(0, 256, 16 * count)
    places = 16 * np.arange(count)
    with dma.batch():
        sent = dma.write_batch(source.iova + places, np.full(count, 16), port=Port.LOOPBACK)
        received = dma.read_batch(sink.iova + places, np.full(count, 16), port=Port.LOOPBACK)
        assert dma.contexts.free == 0
    assert (sent.result()["status"] == 0).all()
    assert (received.result()["status"] == 0).all()
    assert np.array_equal(source.array, sink.array)
    assert sorted(received.records["tag"].tolist() + sent.records["tag"].tolist()) == list(range(4096))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 8), st.integers(0, 255), st.booleans()), max_size=60))
def test_allocations_never_overlap_and_all_come_back(steps: list[tuple[int, int, int, bool]]) -> None:
    heap, taken = Heap(4096, 1 << 15), {}
    for size, log2, residue, release in steps:
        if release and taken:
            start = next(iter(taken))
            heap.free(start, taken.pop(start))
        align = 1 << log2
        address = heap.allocate(size, align, residue=residue, boundary=4096)
        if address is None:
            continue
        assert (address - residue) % align == 0
        assert 4096 <= address <= address + size <= 4096 + (1 << 15)
        assert address // 4096 == (address + size - 1) // 4096
        assert all(address + size <= start or start + length <= address for start, length in taken.items())
        taken[address] = size
    for start, size in taken.items():
        heap.free(start, size)
    assert heap.used == 0
    assert heap.allocate(1 << 15) == 4096


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=40), st.integers(0, 1 << 30))
def test_short_and_long_copies_are_the_same(sizes: list[int], seed: int) -> None:
    with open_target("model:?memory=1048576") as target:
        arena, random = Arena(target, 1 << 18), np.random.default_rng(seed)
        arena.array[:] = random.integers(0, 256, len(arena.array))
        expected, half = arena.array.copy(), len(arena.array) // 2
        source = random.integers(0, half - 300, len(sizes))
        place = half + 400 * np.arange(len(sizes))
        for to, origin, size in zip(place.tolist(), source.tolist(), sizes, strict=True):
            expected[to : to + size] = expected[origin : origin + size]
        arena.copy(arena.iova + place, arena.iova + source, np.array(sizes))
        assert np.array_equal(arena.array, expected)


def test_guards_tell_of_bytes_beyond_the_buffer(dma: Dma) -> None:
    buffer = dma.buffer(64, align=64, residue=8, guard=32)
    assert buffer.iova % 64 == 8
    dma.submit_raw(Direction.C2H, [(buffer.iova, 64)]).result()
    assert buffer.intact()
    dma.submit_raw(Direction.C2H, [(buffer.iova, 80)]).result()
    assert not buffer.intact()


def test_buffers_are_refused_and_freed_by_name(dma: Dma) -> None:
    buffer = dma.buffer(100)
    with pytest.raises(RequestError, match="slice"):
        dma.free(buffer[:50])
    dma.free(buffer)
    with pytest.raises(RequestError, match="freed already"):
        dma.free(buffer)
    with pytest.raises(RequestError, match="power of two"):
        dma.buffer(10, align=3)
    arena = dma.arena
    with pytest.raises(ArenaTooSmall, match=f"arena of {len(arena.array)} bytes has {arena.buffers.size} for buffers"):
        dma.buffer(1 << 30)
    with pytest.raises(ArenaTooSmall):
        dma.write(bytes(arena.buffers.size + 1))
    with pytest.raises(OutOfMemory, match=r"arena= of sgdma\.open, memory="):
        [dma.buffer(arena.buffers.size // 2) for _ in range(2)]


def test_closing_the_driver_leaves_the_target_open_and_leaving_its_block_closes_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session opens one target for many drivers, one after the other."""
    target = open_target("model:")
    closed: list[int] = []
    monkeypatch.setattr(target, "close", lambda: closed.append(1))
    Dma(target, arena=1 << 20).close()
    assert not closed
    with Dma(target, arena=1 << 20):
        pass
    assert closed == [1]
