"""The story that this device is for: hundreds of requests mapped ahead on one device, each completed exactly once.

And the negative control: the same bookkeeping catches the mapper that people write who have one context a device.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from sgdma.engine.contexts import State
from sgdma.engine.device import Dma
from sgdma.engine.observe import Observer
from sgdma.engine.transfer import Transfer
from sgdma.errors import DuplicateCompletion, LostCompletion
from sgdma.rules import Direction
from sgdma.spec.status import Port
from sgdma.suite.accounts import Book, Ledger, NaiveMapper
from sgdma.suite.helpers import Ground, card_image, fit, hard_times, noise, pattern, step, submit, write_card

AHEAD = 256
LIMIT = 400_000


class Bells(Observer):
    """Counts submission doorbells."""

    def __init__(self, dma: Dma) -> None:
        self.count = 0
        dma.observers.append(self)

    def rung(self, queue: int, tail: int, time: int) -> None:
        self.count += 1


def test_hundreds_of_requests_are_mapped_before_the_first_doorbell(
    dma: Dma, rng: np.random.Generator, ground: Ground, book: Book, ledger: Ledger
) -> None:
    """256 reads and writes prepared on one device: the device knows nothing; then one bell, and each is done once."""
    hard_times(dma, rng)
    bells = Bells(dma)
    ahead = min(AHEAD, len(dma.contexts.state), sum(queue.sq.size // 2 for queue in dma.queues[:2]))
    made = {way: ground.compose(way, 1, 64) for way in Direction}
    image = pattern(0, 0, made[Direction.C2H].total)
    ground.received(made[Direction.C2H].segments, image)
    order: list[int] = []
    transfers: list[Transfer] = []
    for number in range(ahead):
        way = Direction.H2C if number % 2 else Direction.C2H
        prepare = dma.prepare_write if way is Direction.H2C else dma.prepare_read

        def done(transfer: Transfer, number: int = number) -> None:
            book.completed(number)
            order.append(number)

        book.expect(number)
        transfers.append(prepare(list(made[way].segments), port=Port.PATTERN, callback=done))
    assert bells.count == 0
    assert dma.pending == ahead
    assert len(dma.contexts.state) - dma.contexts.free == ahead, "not every request has a context of its own"
    dma.target.sleep(2000)
    assert all(queue.device_head() == 0 and queue.device_written() == 0 for queue in dma.queues)
    assert not book.done
    dma.ring()
    assert bells.count == min(2, len(dma.queues))
    dma.wait_all()
    book.balance()
    ledger.balance()
    assert ledger.most == ahead
    assert sorted(order) == list(range(ahead))
    assert all(transfer.result().ok for transfer in transfers)
    assert dma.contexts.free == len(dma.contexts.state)
    ground.verify()


@pytest.mark.dma_options(contexts=16)
def test_a_context_is_used_again_the_moment_it_is_free_and_not_before(
    dma: Dma, ground: Ground, book: Book, ledger: Ledger
) -> None:
    """Sixteen contexts, two hundred requests: each completion maps the next at once, in its own callback."""
    made, numbers = ground.compose(Direction.H2C, 1, 64), count()

    def launch() -> None:
        number = next(numbers)
        if number < 200:
            book.expect(number)
            transfer = dma.submit(Direction.H2C, list(made.segments), port=Port.PATTERN, queue=0,
                                  callback=lambda done: finished(number))  # fmt: skip
            assert transfer.batch.placed == 1, "a free context was not given to the waiting request"

    def finished(number: int) -> None:
        book.completed(number)
        launch()

    with dma.batch():
        for _ in range(16):
            launch()
        assert dma.contexts.free == 0
    dma.wait(lambda: len(book.done) == 200)
    book.balance()
    ledger.balance()
    assert ledger.most == 16


@pytest.mark.dma_options(contexts=8)
def test_requests_beyond_the_contexts_wait_in_order_and_block_nobody(dma: Dma, ground: Ground, book: Book) -> None:
    """Eight contexts, forty submissions at once: none fails, none blocks, all complete in order."""
    made, order = ground.compose(Direction.H2C, 1, 64), list[int]()
    for number in range(40):
        book.expect(number)

        def done(transfer: Transfer, number: int = number) -> None:
            book.completed(number)
            order.append(number)

        dma.submit(Direction.H2C, list(made.segments), port=Port.PATTERN, queue=0, callback=done)
    assert dma.pending + len(order) == 40
    dma.wait_all()
    book.balance()
    assert order == list(range(40))


def test_the_bookkeeping_catches_a_mapper_with_one_context(dma: Dma, ground: Ground, book: Book) -> None:
    """Negative control: one context for all, reused without waiting: one is completed often, the others never."""
    mapper, made = NaiveMapper(dma), [ground.compose(Direction.H2C, 1, 64) for _ in range(8)]
    for number, request in enumerate(made):
        book.expect(number)
        mapper.map(request.segments[0], 0, lambda number=number: book.completed(number))  # type: ignore[misc]
    mapper.ring()
    mapper.run(len(made), LIMIT)
    assert book.doubled == {7}
    assert book.lost == set(range(7))
    with pytest.raises(AssertionError, match=r"7 were lost.*1 completed more than once"):
        book.balance()
    dma.reset()


def test_the_same_mapper_is_right_while_it_waits(dma: Dma, ground: Ground, book: Book) -> None:
    """One context is enough for one request at a time: what is wrong is reusing it too early, not the test."""
    mapper = NaiveMapper(dma)
    for number in range(6):
        book.expect(number)
        mapper.map(ground.compose(Direction.H2C, 1, 64).segments[0], 0, lambda number=number: book.completed(number))  # type: ignore[misc]
        mapper.ring()
        mapper.run(1, LIMIT)
    book.balance()
    dma.reset()


def test_one_bounce_area_for_all_requests_corrupts_their_data(
    dma: Dma, rng: np.random.Generator, ground: Ground
) -> None:
    """Negative control of the data: the one context's map registers hold the last request's bytes only."""
    size, mapper = fit(dma, 64), NaiveMapper(dma)
    made = ground.compose(Direction.H2C, 1, size)
    (address, length), room = made.segments[0], -(-made.total // 64) * 64
    total = -(-4 * room // (64 * step(dma))) * 64 * step(dma)
    write_card(dma, 0, np.zeros(total, np.uint8))
    dma.wait_all()
    area = ground.buffer.array[address - ground.buffer.iova :][:length]
    wanted = [noise(rng, length) for _ in range(4)]
    for number, data in enumerate(wanted):
        area[:] = data
        dma.arena.push(np.array([address]), np.array([length]))
        mapper.map((address, length), number * room, lambda: None)
    mapper.ring()
    mapper.run(4, LIMIT)
    dma.reset()
    card = card_image(dma, 0, total)
    arrived = [card[number * room :][:length] for number in range(4)]
    assert [np.array_equal(*pair) for pair in zip(arrived, wanted, strict=True)] == [False, False, False, True]


def test_the_driver_itself_reports_a_tag_that_was_used_twice(dma: Dma, ground: Ground) -> None:
    """The naive mapping through the driver's own door: DuplicateCompletion and LostCompletion, all others intact."""
    made = ground.compose(Direction.H2C, 1, 64)
    with dma.batch():
        owner = submit(dma, made, Port.PATTERN, queue=0)
        tag = int(dma.contexts.owned(owner.batch.number, State.MAPPED)[0])

        def steal(slots: np.ndarray) -> None:
            slots[:, 12:14] = (tag & 0xFF, tag >> 8)

        thief = dma.submit_raw(Direction.H2C, made.segments, port=Port.PATTERN, queue=0, edit=steal)
        others = [submit(dma, made, Port.PATTERN, queue=0) for _ in range(4)]
    assert all(other.result().ok for other in others)
    thief.wait(20_000)
    assert isinstance(owner.error, DuplicateCompletion)
    assert isinstance(thief.error, LostCompletion)
    kinds = {type(fault) for fault in dma.faults}
    assert kinds == {DuplicateCompletion, LostCompletion}
    dma.faults.clear()
    dma.reset()
