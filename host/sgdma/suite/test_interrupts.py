"""Interrupts and polling: one for what was armed, none lost, none too many, in time."""

from __future__ import annotations

import pytest

from sgdma.engine.device import Dma
from sgdma.rules import Direction
from sgdma.spec.status import Port, QueueState
from sgdma.suite.accounts import Book, Ledger
from sgdma.suite.helpers import Ground, hard_times, submit, vectors

QUIET = 3000
"""Cycles in which a vector that is going to fire at once would have fired."""
LIMIT = 200_000

interrupts = pytest.mark.needs("interrupts")
by_hand = pytest.mark.dma_options(interrupts=False)


@pytest.fixture
def taken(dma: Dma, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Vectors that have ended a wait, the driver's own waits included: it looks at the rings behind each as well."""
    vectors: list[int] = []
    plain = dma.target.wait_interrupt

    def wait(vector: int, timeout: int) -> bool:
        fired = plain(vector, timeout)
        vectors.extend([vector] if fired else [])
        return fired

    monkeypatch.setattr(dma.target, "wait_interrupt", wait)
    return vectors


def arm(dma: Dma, queue: int = 0) -> None:
    """Acknowledge what was read and arm, as a driver does."""
    dma.registers.write("cq_doorbell", head=dma.queue(queue).cq.head, queue=queue, arm=1)


def enable(dma: Dma, mask: int | None = None) -> None:
    """Nothing pending; these vectors drive the line."""
    dma.registers.write("ev_pending", vectors(dma))
    dma.registers.write("ev_enable", vectors(dma) if mask is None else mask)


def send(dma: Dma, ground: Ground, count: int = 1, queue: int = 0) -> None:
    """So many small requests, each with its own completion, and wait until all are written."""
    target = dma.queue(queue).device_written() + count
    with dma.batch():
        for _ in range(count):
            submit(dma, ground.compose(Direction.H2C, 1, 64), Port.PATTERN, queue=queue)
    assert dma.target.poll_until(lambda: dma.queue(queue).device_written() == target, LIMIT)


@interrupts
@by_hand
def test_an_armed_vector_fires_once_for_one_completion(dma: Dma, ground: Ground) -> None:
    """Armed before the request: one interrupt, and no second one without arming again."""
    enable(dma)
    arm(dma)
    assert not dma.target.wait_interrupt(0, QUIET), "fired without a completion"
    send(dma, ground)
    assert dma.target.wait_interrupt(0, LIMIT)
    send(dma, ground)
    assert not dma.target.wait_interrupt(0, QUIET), "fired without being armed"
    dma.wait_all()


@interrupts
@by_hand
def test_arming_behind_a_completion_fires_at_once(dma: Dma, ground: Ground) -> None:
    """The completion is older than the arming: the interrupt comes all the same."""
    enable(dma)
    send(dma, ground)
    assert not dma.target.wait_interrupt(0, QUIET)
    arm(dma)
    assert dma.target.wait_interrupt(0, QUIET)
    dma.wait_all()


@interrupts
@by_hand
def test_arming_with_everything_read_does_not_fire(dma: Dma, ground: Ground) -> None:
    """All records taken and acknowledged: the vector waits for the next one."""
    enable(dma)
    send(dma, ground, 3)
    dma.wait_all()
    arm(dma)
    assert not dma.target.wait_interrupt(0, QUIET)
    send(dma, ground)
    assert dma.target.wait_interrupt(0, LIMIT)
    dma.wait_all()


@interrupts
@by_hand
@pytest.mark.parametrize("delay", [0, 20, 40, 80, 160, 320])
def test_no_interrupt_is_lost_between_the_last_look_and_the_arming(dma: Dma, ground: Ground, delay: int) -> None:
    """A request is sent, time passes, the vector is armed: before or behind the completion, one interrupt comes."""
    enable(dma)
    for turn in range(8):
        transfer = submit(dma, ground.compose(Direction.H2C, 1, 64), Port.PATTERN, queue=0)
        if delay:
            dma.target.sleep(delay + turn)
        arm(dma)
        assert dma.target.wait_interrupt(0, LIMIT), f"lost after {delay + turn} cycles"
        assert transfer.result().ok
        assert not dma.target.wait_interrupt(0, 500)


@interrupts
@pytest.mark.dma_options(interrupts=False, moderation=(5, 0))
def test_moderation_by_count_waits_for_so_many(dma: Dma, ground: Ground) -> None:
    """Four completions are not enough, the fifth fires; counted from the host's head."""
    enable(dma)
    arm(dma)
    send(dma, ground, 4)
    assert not dma.target.wait_interrupt(0, QUIET)
    send(dma, ground)
    assert dma.target.wait_interrupt(0, QUIET)
    dma.wait_all()
    arm(dma)
    send(dma, ground, 4)
    assert not dma.target.wait_interrupt(0, QUIET), "counted completions that the host had taken"
    send(dma, ground, 1)
    assert dma.target.wait_interrupt(0, QUIET)
    dma.wait_all()


@interrupts
@pytest.mark.dma_options(interrupts=False, moderation=(255, 200))
def test_moderation_by_time_fires_after_it_and_not_much_later(dma: Dma, ground: Ground) -> None:
    """One completion, fewer than the count: the interrupt comes 200 · 16 cycles after it, not before."""
    enable(dma)
    for _ in range(3):
        arm(dma)
        transfer = submit(dma, ground.compose(Direction.H2C, 1, 64), Port.PATTERN, queue=0)
        assert dma.target.wait_interrupt(0, LIMIT)
        assert dma.registers.read64("time") - transfer.result().timestamp >= 200 * 16
        dma.fixture.write("command", snapshot=1)  # by the device's own stamps: a host may be slow to wake
        assert dma.fixture.read("at_vector") - dma.fixture.read("at_record_b") <= 200 * 16 + 1024


@interrupts
@pytest.mark.dma_options(interrupts=False, moderation=(3, 4095))
def test_moderation_by_both_fires_at_whichever_is_first(dma: Dma, ground: Ground) -> None:
    """The count is reached long before the time."""
    enable(dma)
    arm(dma)
    send(dma, ground, 3)
    assert dma.target.wait_interrupt(0, QUIET)
    dma.wait_all()


@interrupts
@by_hand
def test_a_disabled_vector_stays_silent_but_pending(dma: Dma, ground: Ground) -> None:
    """Without its bit in ev_enable a vector is seen in ev_pending only; enabled, it interrupts."""
    enable(dma, 0)
    arm(dma)
    send(dma, ground)
    dma.target.sleep(QUIET)
    assert dma.registers.read("ev_pending") & 1
    assert not dma.target.wait_interrupt(0, QUIET)
    dma.registers.write("ev_enable", 1)
    assert dma.target.wait_interrupt(0, QUIET)
    assert not dma.registers.read("ev_pending") & 1
    dma.wait_all()


@interrupts
@by_hand
@pytest.mark.min_queues(2)
def test_every_queue_has_a_vector_of_its_own(dma: Dma, ground: Ground) -> None:
    """All armed, one completes: its vector fires and no other."""
    enable(dma)
    for queue in range(len(dma.queues)):
        arm(dma, queue)
    for queue in reversed(range(len(dma.queues))):
        send(dma, ground, 1, queue)
        assert dma.target.wait_interrupt(queue, LIMIT)
        for other in range(len(dma.queues)):
            assert not dma.target.wait_interrupt(other, 200), f"queue {queue} completed, vector {other} fired"
    dma.wait_all()


@interrupts
@by_hand
def test_the_error_vector_fires_when_a_queue_fails(dma: Dma) -> None:
    """The vector above the last queue, once."""
    enable(dma)
    assert not dma.target.wait_interrupt(len(dma.queues), 200)
    dma.registers.write("cq_doorbell", head=11, queue=0)
    assert dma.target.wait_interrupt(len(dma.queues), LIMIT)
    assert not dma.target.wait_interrupt(len(dma.queues), 200)
    assert dma.queue(0).state is QueueState.ERROR
    dma.queue(0).restart()


@interrupts
def test_the_driver_lives_by_interrupts(dma: Dma, ground: Ground, ledger: Ledger, taken: list[int]) -> None:
    """Requests one at a time and in bursts, under hard conditions: its waits end by interrupts."""
    assert dma.interrupts
    hard_times(dma, ground.rng)
    for turn in range(20):
        transfers = [
            submit(dma, ground.compose(way, 1, 64), Port.PATTERN) for _ in range(1 + turn % 4) for way in Direction
        ]
        for transfer in transfers:
            assert transfer.result().ok
    assert taken or dma.target.wait_interrupt(0, QUIET), "no interrupt came"
    ledger.balance()


@by_hand
def test_polling_alone_sees_every_completion(dma: Dma, ground: Ground, book: Book, ledger: Ledger) -> None:
    """No vector enabled or armed: the records tell everything."""
    assert not dma.interrupts
    hard_times(dma, ground.rng)
    for turn in range(10):
        for number in range(1 + turn):
            made = ground.compose(Direction.C2H if number % 2 else Direction.H2C, 1, 64)
            dma.submit(made.direction, list(made.segments), port=Port.PATTERN, callback=book.entry((turn, number)))
        dma.wait_all()
    book.balance()
    ledger.balance()
    assert dma.registers.read("ev_pending") == 0


@interrupts
@pytest.mark.dma_options(moderation=(16, 8))
def test_moderated_interrupts_serve_a_stream_of_requests(
    dma: Dma, ground: Ground, book: Book, taken: list[int]
) -> None:
    """The driver with count and time together: interrupts come, and nothing waits for ever."""
    made = [ground.compose(way, 1, 64) for way in Direction]
    for number in range(100):
        dma.submit(made[number % 2].direction, list(made[number % 2].segments), port=Port.PATTERN,
                   callback=book.entry(number))  # fmt: skip
    dma.wait_all()
    assert taken or dma.target.wait_interrupt(0, QUIET), "no interrupt came"
    book.balance()
