"""The null target: everything completes at once and well, through the rings, and nothing moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sgdma.engine.device import Dma, open_dma
from sgdma.spec.status import QueueState, Status
from sgdma.targets import Target, conformance, open_target

URL = "null:?rules=aligned64&queues=2"
KEPT = conformance.CHECKS[:4]
"""What needs no judging device."""


@pytest.fixture
def dma() -> Iterator[Dma]:
    with open_dma(URL, sq_log2=5, cq_log2=3, contexts=16) as opened:
        yield opened


@pytest.mark.parametrize("check", KEPT, ids=lambda check: check.__name__)
def test_registers_time_and_memory_are_those_of_a_target(check: Callable[[Target], None]) -> None:
    with open_target(URL) as target:
        check(target)


def test_small_rings_carry_many_requests(dma: Dma) -> None:
    """Rings wrap at odd places: 3 segments a request, 4 slots of 32, 8 records."""
    buffer = dma.buffer(1 << 16)
    starts = buffer.iova + np.arange(3 * 1000) % 500 * 128
    batch = dma.write_batch(starts, np.full(len(starts), 64), np.arange(0, len(starts) + 1, 3))
    records = batch.result()
    assert (records["status"] == Status.OK).all()
    assert (records["bytes_moved"] == 192).all()
    assert records["sequence_number"].tolist() == list(range(1000))
    assert dma.queue(0).state is QueueState.RUNNING
    dma.check()


def test_requests_of_any_length_complete_whatever_part_of_the_ring_they_cross(dma: Dma) -> None:
    random = np.random.default_rng(7)
    counts = random.integers(1, 31, 200)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    starts = dma.buffer(1 << 16).iova + random.integers(0, 500, offsets[-1]) * 128
    records = dma.write_batch(starts, np.full(len(starts), 64), offsets).result()
    assert records["bytes_moved"].tolist() == (counts * 64).tolist()
    dma.check()


def test_nothing_moves(dma: Dma) -> None:
    buffer = dma.buffer(4096)
    buffer.array[:] = 7
    dma.read(buffer).result()
    assert (buffer.array == 7).all()


def test_both_queues_and_interrupts_work(dma: Dma) -> None:
    buffer = dma.buffer(4096)
    transfers = [dma.write(buffer, queue=n % 2) for n in range(100)]
    assert all(transfer.result().ok for transfer in transfers)


def test_what_ended_is_forgotten_when_its_contexts_have_other_owners(dma: Dma) -> None:
    buffer = dma.buffer(4096)
    for _ in range(10):
        dma.write_batch(np.full(40, buffer.iova), np.full(40, 64)).result()
    assert list(dma.recent) == [10]
    for _ in range(20):
        dma.write(buffer[:64]).result()
    assert sum(len(batch) for batch in dma.recent.values()) == len(dma.contexts.state)
