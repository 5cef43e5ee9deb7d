"""Rings: they wrap, fill up, and come in every size; nothing is lost at the seams."""

from __future__ import annotations

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.rules import Direction
from sgdma.spec.status import Port, QueueState
from sgdma.suite.accounts import Book, Ledger
from sgdma.suite.helpers import Ground, hard_times, submit

SMALLEST = {"sq_log2": 2, "cq_log2": 1}


def run(dma: Dma, ground: Ground, book: Book, count: int, queue: int | None = 0) -> None:
    """So many small requests of both directions, all submitted at once, through rings of whatever size."""
    made = {way: ground.compose(way, 1, 64) for way in Direction}
    with dma.batch():
        for index in range(count):
            request = made[Direction.H2C if index % 2 else Direction.C2H]
            dma.submit(request.direction, list(request.segments), port=Port.PATTERN, queue=queue,
                       callback=book.entry(index))  # fmt: skip
    dma.wait_all()
    book.balance()


@pytest.mark.dma_options(**SMALLEST)
def test_the_smallest_rings_carry_any_number_of_requests(dma: Dma, ground: Ground, book: Book, ledger: Ledger) -> None:
    """Four slots and two records: every request wraps, every one completes once."""
    assert (dma.queue(0).sq.size, dma.queue(0).cq.size) == (4, 2)
    run(dma, ground, book, 120)
    ledger.balance()


@pytest.mark.parametrize(("sq_log2", "cq_log2"), [(2, 7), (3, 3), (5, 1), (8, 2), (6, 7)])
def test_rings_of_any_size_wrap_many_times(
    dma: Dma, ground: Ground, book: Book, sq_log2: int, cq_log2: int
) -> None:
    """Sizes above and below a fetch burst, and much unlike each other, started anew on a running device."""
    queue = dma.queue(0)
    queue.stop()
    queue.release()
    queue.sq.log2, queue.sq.size = sq_log2, 1 << sq_log2
    queue.sq.slots = queue.sq.buffer.array[: 16 << sq_log2].reshape(-1, 16)
    queue.cq.log2, queue.cq.size = cq_log2, 1 << cq_log2
    queue.start()
    run(dma, ground, book, 80)
    assert queue.cq.head == 80


@pytest.mark.dma_options(sq_log2=4, cq_log2=3)
def test_segment_lists_wrap_inside_a_request(dma: Dma, rng: np.random.Generator, ledger: Ledger) -> None:
    """Requests of many segments that start at every place of a small ring."""
    ground = Ground(dma, rng)
    count = min(7, dma.rules.h2c.max_segments)
    made = [ground.compose(Direction.H2C, 1 + index % count, 40) for index in range(60)]
    for transfer in [submit(dma, request, Port.PATTERN, queue=0) for request in made]:
        transfer.result()
    ledger.balance()


@pytest.mark.dma_options(sq_log2=6)
def test_a_ring_filled_to_the_last_slot_is_carried_out(dma: Dma, ground: Ground, book: Book) -> None:
    """The tail as far ahead of the head as the ring is long; more waits on the host until there is room."""
    queue, made = dma.queue(0), ground.compose(Direction.H2C, 1, 64)
    half = queue.sq.size // 2
    for turn in range(3):
        with dma.batch():
            for index in range(half + 3):
                dma.submit(Direction.H2C, list(made.segments), port=Port.PATTERN, queue=0,
                           callback=book.entry((turn, index)))  # fmt: skip
            assert queue.sq.free == 0
            assert len(queue.waiting) == 3
        dma.wait_all()
    book.balance()
    assert queue.cq.head == 3 * (half + 3)


@pytest.mark.dma_options(cq_log2=2)
def test_a_full_completion_ring_is_never_overrun(dma: Dma, ground: Ground, ledger: Ledger) -> None:
    """The host reads nothing: four records are written and no fifth; read, the rest comes."""
    queue, made = dma.queue(0), ground.compose(Direction.H2C, 1, 64)
    with dma.batch():
        transfers = [submit(dma, made, Port.PATTERN, queue=0) for _ in range(20)]
    assert dma.target.poll_until(lambda: queue.device_written() == 4, 100_000)
    dma.target.sleep(20_000)
    assert queue.device_written() == 4
    assert queue.in_flight == 0
    dma.wait_all()
    assert [transfer.result().sequence_number for transfer in transfers] == list(range(20))
    ledger.balance()


@pytest.mark.min_queues(2)
@pytest.mark.dma_options(cq_log2=2)
def test_a_full_completion_ring_delays_no_other_queue(dma: Dma, ground: Ground) -> None:
    """One queue's records are not read; another's requests of the same direction go on."""
    stuck, made = dma.queue(0), ground.compose(Direction.H2C, 1, 64)
    other = dma.queue(1)
    with dma.batch():
        for _ in range(12):
            submit(dma, made, Port.PATTERN, queue=0)
        for _ in range(4):
            submit(dma, made, Port.PATTERN, queue=1)
    assert dma.target.poll_until(lambda: other.device_written() == 4, 100_000)
    assert stuck.device_written() == 4
    dma.wait_all()
    assert stuck.device_written() == 12


@pytest.mark.dma_options(cq_log2=1)
def test_unread_records_are_not_overwritten(dma: Dma, ground: Ground) -> None:
    """What lies in a full ring is the same later; the host takes one record, exactly one new one comes."""
    queue, made = dma.queue(0), ground.compose(Direction.H2C, 1, 64)
    with dma.batch():
        for _ in range(6):
            submit(dma, made, Port.PATTERN, queue=0)
    assert dma.target.poll_until(lambda: queue.device_written() == 2, 100_000)
    dma.arena.pull(np.array([queue.cq.buffer.iova]), np.array([queue.cq.buffer.size]))
    before = queue.cq.buffer.array.copy()
    dma.target.sleep(5000)
    dma.arena.pull(np.array([queue.cq.buffer.iova]), np.array([queue.cq.buffer.size]))
    assert np.array_equal(before, queue.cq.buffer.array)
    dma.registers.write("cq_doorbell", head=1, queue=0)
    assert dma.target.poll_until(lambda: queue.device_written() == 3, 100_000)
    dma.target.sleep(5000)
    assert queue.device_written() == 3
    dma.arena.pull(np.array([queue.cq.buffer.iova]), np.array([queue.cq.buffer.size]))
    assert np.array_equal(before[32:], queue.cq.buffer.array[32:])
    assert int(queue.cq.records["sequence_number"][0]) == 2
    dma.reset()


def test_every_record_says_where_and_when_it_belongs(dma: Dma, ground: Ground, book: Book, ledger: Ledger) -> None:
    """Sequence, phase, queue, time and consumed slots, of all queues at once, over hard times and wraps."""
    hard_times(dma, ground.rng)
    made = [ground.compose(way, 1, 64) for way in Direction]
    for turn in range(3):
        with dma.batch():
            for index in range(24 * len(dma.queues)):
                request = made[index % 2]
                dma.submit(request.direction, list(request.segments), port=Port.PATTERN,
                           queue=index // 2 % len(dma.queues), callback=book.entry((turn, index)))  # fmt: skip
        dma.wait_all()
    book.balance()
    ledger.balance()
    for queue in dma.queues:
        assert queue.device_head() == queue.sq.tail == queue.sq.head
        assert queue.device_written() == queue.cq.head
        assert queue.state is QueueState.RUNNING


@pytest.mark.dma_options(sq_log2=2, cq_log2=1)
def test_indices_run_freely_through_hundreds_of_wraps(dma: Dma, ground: Ground) -> None:
    """Places are the index modulo the ring: after hundreds of wraps head and tail still agree."""
    made = ground.compose(Direction.H2C, 1, 64)
    batch = dma.submit_batch(Direction.H2C, np.full(200, made.segments[0][0]), np.full(200, made.segments[0][1]),
                             port=Port.PATTERN, queue=0)  # fmt: skip
    records = batch.result()
    assert records["sequence_number"].tolist() == list(range(200))
    assert (records["phase"] & 1).tolist() == [1 - (index >> 1 & 1) for index in range(200)]
    assert records["sq_head"][-1] == 400
