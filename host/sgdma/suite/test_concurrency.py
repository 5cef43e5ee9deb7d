"""Many requests in flight in both directions, on all queues, under hard conditions: each once, and in fair turns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.rules import Direction
from sgdma.spec.status import Port
from sgdma.suite.accounts import Book, Ledger
from sgdma.suite.helpers import Ground, beat, expected_crc, fit, hard_times, noise, pattern, step, submit, write_card
from sgdma.suite.legal import Legal
from sgdma.targets import Capability

LIMIT = 400_000


def capacity(dma: Dma, segments: int = 1) -> int:
    """Requests of so many segments that all queues together can hold mapped at one time."""
    rings = sum(queue.sq.size // (segments + 1) for queue in dma.queues)
    return min(rings, len(dma.contexts.state))


def spread(dma: Dma, count: int) -> Iterator[tuple[int, Direction, int]]:
    """(number, direction, queue): both directions in turn, over all queues, evenly."""
    for number in range(count):
        yield number, Direction.H2C if number % 2 else Direction.C2H, number // 2 % len(dma.queues)


@pytest.mark.parametrize("count", [1, 2, 7, 64, 256])
def test_so_many_requests_in_flight_complete_exactly_once(
    dma: Dma, rng: np.random.Generator, ground: Ground, book: Book, ledger: Ledger, count: int
) -> None:
    """Both directions mixed over all queues, data and checksums checked, memory at its worst."""
    hard_times(dma, rng)
    count = min(count, capacity(dma, 4))
    sent: list[tuple[Legal, Transfer]] = []
    half = -(-count // 2)
    read = [ground.compose(Direction.C2H, int(rng.integers(1, 4)), int(rng.integers(1, 300))) for _ in range(half)]
    image = pattern(0, 0, max(made.total for made in read))
    written = prepared(dma, rng, ground, half, 300)
    with dma.batch():
        for number, direction, queue in spread(dma, count):
            made = (read if direction is Direction.C2H else written)[number // 2]
            sent.append((made, submit(dma, made, Port.PATTERN, queue=queue)))
            book.expect(number)
            sent[-1][1].add_done_callback(lambda transfer, name=number: book.completed(name))  # type: ignore[misc]
        assert dma.pending == count
    dma.wait_all()
    for made, transfer in sent:
        done = transfer.result()
        assert done.bytes_moved == made.total
        if made.direction is Direction.C2H:
            ground.received(made.segments, image[: made.total])
            assert done.crc32c == expected_crc(dma, image[: made.total])
    book.balance()
    ledger.balance()
    assert ledger.most == count
    ground.verify()
    assert dma.fixture.read("check_errors") == 0


def prepared(dma: Dma, rng: np.random.Generator, ground: Ground, count: int, most: int) -> list[Legal]:
    """Writes that carry the pattern of card address 0."""
    made = [ground.compose(Direction.H2C, int(rng.integers(1, 4)), int(rng.integers(1, most))) for _ in range(count)]
    image = pattern(0, 0, max(request.total for request in made))
    for request in made:
        ground.received(request.segments, image[: request.total])
    ground.put()
    return made


def test_as_many_as_the_driver_has_contexts_for_are_mapped_at_once(dma: Dma, book: Book, ledger: Ledger) -> None:
    """Thousands where time costs nothing, 256 in simulation; all mapped before the first doorbell."""
    most = 256 if Capability.CYCLE_EXACT in dma.target.capabilities else 4096
    count = min(capacity(dma), most) // (2 * len(dma.queues)) * 2 * len(dma.queues)
    ground = Ground(dma, np.random.default_rng(1))
    each = count // (2 * len(dma.queues))
    batches = []
    with dma.batch():
        for queue in range(len(dma.queues)):
            for direction in Direction:
                made = ground.compose(direction, 1, 64)
                address, length = made.segments[0]
                batches.append(dma.submit_batch(direction, np.full(each, address), np.full(each, length), queue=queue,
                                                port=Port.PATTERN))  # fmt: skip
        assert len(dma.contexts.state) - dma.contexts.free == count
    for number, batch in enumerate(batches):
        for index, record in enumerate(batch.result()):
            book.expect((number, index))
            assert record["status"] == 0
            book.completed((number, index))
    book.balance()
    ledger.balance()
    assert ledger.most == count
    assert dma.contexts.free == len(dma.contexts.state)


@pytest.mark.min_queues(4)
def test_four_queues_carry_both_directions_at_once(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger
) -> None:
    """Random sizes to separate places of the card and back, each queue writing and reading its own."""
    hard_times(dma, rng)
    room = dma.fixture.read("memory_bytes") // 4
    unit = max(step(dma), beat(dma))
    for _ in range(3):
        plans = []
        for queue in range(4):
            size = max(min(fit(dma, int(rng.integers(1, 6000))), room) // unit * unit, unit)
            size = fit(dma, size)
            start = int(rng.integers(0, ground.buffer.size // 8 - size)) + queue * (ground.buffer.size // 8)
            plans.append((queue, size, start))
        with dma.batch():
            writes = [dma.write((ground.buffer.iova + start, size), card_address=queue * room, queue=queue)
                      for queue, size, start in plans]  # fmt: skip
        for transfer in writes:
            transfer.result()
        half = ground.buffer.size // 2
        with dma.batch():
            reads = [dma.read((ground.buffer.iova + half + start, size), card_address=queue * room, queue=queue)
                     for queue, size, start in plans]  # fmt: skip
        for (_, size, start), transfer in zip(plans, reads, strict=True):
            data = ground.expected[start : start + size].copy()
            assert transfer.result().crc32c == expected_crc(dma, data)
            ground.received([(ground.buffer.iova + half + start, size)], data)
    ground.verify()
    ledger.balance()


@pytest.mark.min_queues(2)
@pytest.mark.parametrize("direction", list(Direction), ids=lambda way: way.name)
def test_short_requests_are_not_starved_by_long_ones(dma: Dma, direction: Direction, ledger: Ledger) -> None:
    """A queue of long requests and one of short: they take turns, so a short one waits for a bounded number of long."""
    size = fit(dma, 8192, direction)
    long, short = dma.buffer(size, 4096), dma.buffer(fit(dma, 64, direction), 4096)
    with dma.batch():
        heavy = [dma.submit(direction, long, port=Port.PATTERN, queue=0) for _ in range(48)]
        light = [dma.submit(direction, short, port=Port.PATTERN, queue=1) for _ in range(12)]
    dma.wait_all()
    long_times = np.array([transfer.result().timestamp for transfer in heavy])
    for place, transfer in enumerate(light):
        before = int((long_times < transfer.result().timestamp).sum())
        # What was accepted before the second doorbell, then turn by turn.
        assert before <= place + 24, f"short request {place} waited for {before} long ones"
    ledger.balance()


def test_requests_of_one_direction_complete_in_order(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """Of one queue and one direction, whatever their sizes and the weather."""
    hard_times(dma, rng)
    for direction in Direction:
        made = [ground.compose(direction, int(rng.integers(1, 4)), int(rng.integers(1, 400))) for _ in range(40)]
        with dma.batch():
            transfers = [submit(dma, request, Port.PATTERN, queue=0) for request in made]
        dma.wait_all()
        numbers = [transfer.result().sequence_number for transfer in transfers]
        assert all(early < late for early, late in pairwise(numbers))


def test_the_directions_do_not_wait_for_each_other(dma: Dma, ground: Ground) -> None:
    """A read that user logic holds lets later writes of the same queue pass; and the other way round."""
    for control, held_way in (({"hold_c2h": 1}, Direction.C2H), ({"hold_h2c": 1}, Direction.H2C)):
        other = Direction.H2C if held_way is Direction.C2H else Direction.C2H
        dma.fixture.write("control", **control)
        held = submit(dma, ground.compose(held_way, 1, 64), Port.PATTERN, queue=0)
        passing = [submit(dma, ground.compose(other, 1, 64), Port.PATTERN, queue=0) for _ in range(8)]
        for transfer in passing:
            assert transfer.result(LIMIT).ok
        assert not held.done
        dma.fixture.write("control", 0)
        assert held.result().ok


def test_reads_and_writes_of_other_places_do_not_mix(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger
) -> None:
    """A hundred reads of one half of the card while a hundred writes go to the other half."""
    hard_times(dma, rng)
    room, width = dma.fixture.read("memory_bytes"), beat(dma)
    size = fit(dma, 200)
    card_step = -(-size // max(width, 64)) * max(width, 64)
    count = min(room // 2 // card_step, 100, capacity(dma, 6) // 2, ground.buffer.size // 2 // (size + 70))
    image = noise(rng, count * card_step // step(dma) * step(dma))
    write_card(dma, 0, image)
    reads, writes = [], []
    with dma.batch():
        for index in range(count):
            start = index * (size + int(rng.integers(1, 70)))
            place = (ground.buffer.iova + ground.buffer.size // 2 + index * (size + 70) + start % 64, size)
            reads.append((dma.read(place, card_address=index * card_step), place))
            writes.append(dma.write((ground.buffer.iova + start, size), card_address=room // 2 + index * card_step))
    dma.wait_all()
    for index, (transfer, place) in enumerate(reads):
        assert transfer.result().ok
        ground.received([place], image[index * card_step : index * card_step + size])
    assert all(transfer.result().ok for transfer in writes)
    ground.verify()
    ledger.balance()


def test_batches_of_scattered_requests_come_back_in_order(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger
) -> None:
    """write_batch and read_batch with many pieces a request, through the loopback port."""
    hard_times(dma, rng)
    size, count = fit(dma, 96), 24
    pieces = 3 if size >= 3 else 1
    cuts = np.full(pieces, size // pieces)
    cuts[-1] += size - int(cuts.sum())
    lengths = np.tile(cuts, count)
    gaps = rng.integers(1, 64, len(lengths))
    starts = np.cumsum(lengths + gaps) - lengths
    half = ground.buffer.size // 2
    bounds = np.arange(count + 1) * pieces
    rows_of = zip(starts.tolist(), lengths.tolist(), strict=True)
    data = [ground.expected[start : start + length].copy() for start, length in rows_of]
    # On one queue pair a write that waits for room would hold up the read that makes it: they alternate.
    count_each = count if len(dma.queues) > 1 else 1
    with dma.batch():
        batches = []
        for first in range(0, count, count_each):
            rows = slice(first * pieces, (first + count_each) * pieces)
            part = bounds[: count_each + 1]
            batches.append(dma.write_batch(ground.buffer.iova + starts[rows], lengths[rows], part, port=Port.LOOPBACK))
            batches.append(dma.read_batch(ground.buffer.iova + half + starts[rows], lengths[rows], part,
                                          port=Port.LOOPBACK))  # fmt: skip
    for batch in batches:
        batch.result()
    for start, piece in zip(starts.tolist(), data, strict=True):
        ground.received([(ground.buffer.iova + half + start, len(piece))], piece)
    ground.verify()
    ledger.balance()
