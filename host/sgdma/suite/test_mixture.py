"""Everything at once: good, illegal, torn and mismatched requests on all queues, with commands given in between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.rules import Direction
from sgdma.spec.layout import SEGMENT
from sgdma.spec.status import Port, Status, status_of_rule
from sgdma.suite.accounts import Ledger
from sgdma.suite.damage import SEGMENT_RULES, damage
from sgdma.suite.helpers import Ground, fit, hard_times, pattern, submit
from sgdma.suite.legal import Legal

Verdict = tuple[int, int | None, int]
"""Status, segment, bytes moved."""


def good(dma: Dma, ground: Ground, made: Legal, queue: int) -> tuple[Transfer, Verdict]:
    """As it should be; a read enters what it brings."""
    if made.direction is Direction.C2H:
        ground.received(made.segments, pattern(0, 0, made.total))
    return submit(dma, made, Port.PATTERN, queue=queue), (Status.OK, None, made.total)


def illegal(dma: Dma, ground: Ground, made: Legal, queue: int) -> tuple[Transfer, Verdict]:
    """One rule broken at one segment, if the device has one that can be broken there."""
    rng = ground.rng
    for rule in rng.permutation(np.array(SEGMENT_RULES)).tolist():
        bad = damage(dma.rules, made, SEGMENT_RULES[rule - 1], int(rng.integers(0, len(made.segments))))
        if bad is not None:
            sent = dma.submit_raw(bad.direction, bad.segments, total=bad.total, queue=queue, port=Port.PATTERN)
            return sent, (status_of_rule(bad.rule), bad.index, 0)
    return good(dma, ground, made, queue)


def torn(dma: Dma, ground: Ground, made: Legal, queue: int) -> tuple[Transfer, Verdict]:
    """A slot with another's tag."""
    index = int(ground.rng.integers(0, len(made.segments)))

    def tear(slots: np.ndarray) -> None:
        slots.view(SEGMENT)[1 + index, 0]["tag"] ^= 0x4000

    sent = dma.submit_raw(made.direction, made.segments, edit=tear, queue=queue, port=Port.PATTERN)
    return sent, (Status.TORN_LIST, index, 0)


def mismatched(dma: Dma, ground: Ground, made: Legal, queue: int) -> tuple[Transfer, Verdict]:
    """The header says less than the segments hold, or more."""
    side = dma.rules.direction(made.direction)
    total = made.total + side.total_align
    total = total if total <= side.max_request_size else made.total - side.total_align
    sent = dma.submit_raw(made.direction, made.segments, total=total, queue=queue, port=Port.PATTERN)
    return sent, (Status.LENGTH_MISMATCH, None, 0)


def headless(dma: Dma, ground: Ground, made: Legal, queue: int) -> tuple[Transfer, Verdict]:
    """An opcode that does not exist."""
    sent = dma.submit_raw(made.direction, made.segments, opcode=9, queue=queue, port=Port.PATTERN)
    return sent, (Status.BAD_HEADER, None, 0)


KINDS: tuple[Callable[[Dma, Ground, Legal, int], tuple[Transfer, Verdict]], ...] = (
    good, good, good, good, illegal, torn, mismatched, headless,
)  # fmt: skip


@pytest.mark.parametrize("turn", range(4))
def test_every_request_of_a_mixture_gets_its_own_verdict(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger, turn: int
) -> None:
    """A hundred requests of all kinds, all in flight, memory at its worst, queues stopped and resumed on the way."""
    hard_times(dma, rng)
    sent: list[tuple[Transfer, Verdict]] = []
    with dma.batch():
        for _ in range(100):
            way = Direction(int(rng.integers(1, 3)))
            made = ground.compose(way, int(rng.integers(1, 5)), int(rng.integers(1, 200)))
            kind = KINDS[int(rng.integers(0, len(KINDS)))]
            sent.append(kind(dma, ground, made, int(rng.integers(0, len(dma.queues)))))
    for _ in range(6):
        queue = dma.queue(int(rng.integers(0, len(dma.queues))))
        dma.target.sleep(int(rng.integers(0, 400)))
        queue.stop()
        dma.target.sleep(int(rng.integers(0, 200)))
        queue.resume()
    dma.wait_all()
    for transfer, verdict in sent:
        done = transfer.completion
        assert done is not None, f"ended without a completion: {transfer.error}"
        assert (done.status, done.segment_index, done.bytes_moved) == verdict, done.status_name
    ground.verify()
    ledger.balance()
    assert dma.fixture.read("checked_beats") > 0


@pytest.mark.needs("fault_injection")
def test_a_broken_write_is_seen_at_the_other_end_of_the_loopback(dma: Dma, ground: Ground) -> None:
    """A bus error in a write marks its packet: the read that gets it is a STREAM_ERROR; the next pair is whole."""
    size, half = fit(dma, 600), ground.buffer.size // 2
    page = ground.buffer.iova + 8192
    with dma.batch():
        before = dma.write((ground.buffer.iova, size), port=Port.LOOPBACK)
        bad = dma.write((page, size), port=Port.LOOPBACK)
        behind = dma.write((ground.buffer.iova + 4096, size), port=Port.LOOPBACK)
        dma.target.faults.read_error(page, 4096)
        if bad.batch.bounced.any():
            areas = [address for _, address in bad.batch.areas.values()]
            dma.target.faults.read_error(min(areas) // 64 * 64, 64)
    for transfer in (before, bad, behind):
        transfer.wait()
    assert bad.completion is not None
    if bad.completion.ok:
        pytest.skip(f"rules {dma.rules.name}: the planner put the data elsewhere")
    places = [(ground.buffer.iova + half + 4096 * index, size) for index in range(3)]
    reads = [dma.read(place, port=Port.LOOPBACK) for place in places]
    names = [done.status_name for read in reads if (done := read.wait())]
    assert names == ["OK", "STREAM_ERROR", "OK"]
    now = ground.now()
    for place, start in ((places[0], 0), (places[2], 4096)):
        at = place[0] - ground.buffer.iova
        assert np.array_equal(now[at : at + size], ground.expected[start : start + size])


def test_an_aborted_read_takes_the_rest_of_its_packet_with_it(
    dma: Dma, rng: np.random.Generator, ground: Ground
) -> None:
    """A read aborted in the middle of a packet: what is left of that packet is discarded, the next is whole."""
    size, half = fit(dma, 6000), ground.buffer.size // 2
    if 2 * size > dma.fixture.read("loopback_bytes"):
        size = fit(dma, dma.fixture.read("loopback_bytes") // 3)
    queue = dma.queue(min(1, len(dma.queues) - 1))
    place = (ground.buffer.iova + half, size)
    for turn in range(10):
        dma.fixture.write("command", reset=1)
        first = dma.write((ground.buffer.iova, size), port=Port.LOOPBACK)
        second = dma.write((ground.buffer.iova + size, size), port=Port.LOOPBACK)
        dma.wait(lambda first=first, second=second: first.done and second.done)  # type: ignore[misc]
        reading = dma.read(place, port=Port.LOOPBACK)
        dma.target.sleep(int(rng.integers(0, 30 * (turn + 1))))
        queue.abort()
        queue.resume()
        done = reading.wait()
        assert done is not None
        # Not begun: the packet is still there. Begun: gone with its rest. Done: as it should be.
        fetched = dma.read(place, port=Port.LOOPBACK).result()
        start = place[0] - ground.buffer.iova
        wanted = [ground.expected[:size], ground.expected[size : 2 * size]]
        got = ground.now()[start : start + size]
        allowed = wanted[1:] if done.ok else wanted
        assert fetched.bytes_moved == size
        assert any(np.array_equal(got, data) for data in allowed), f"after {done.status_name}: a torn packet"


@pytest.mark.min_queues(2)
def test_an_aborted_read_does_not_cut_short_the_next_one(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """Reads of another queue wait right behind the one that is aborted: user logic must not end theirs as well."""
    long, queue = fit(dma, 4096, Direction.C2H), dma.queue(0)
    buffer, image = dma.buffer(long, 4096), pattern(0, 0, 1 << 16)
    for turn in range(20):
        made = [ground.compose(Direction.C2H, 2, 100) for _ in range(4)]
        with dma.batch():
            victims = [dma.read(buffer, port=Port.PATTERN, queue=0) for _ in range(2)]
            waiting = [submit(dma, request, Port.PATTERN, queue=1) for request in made]
        dma.target.sleep(int(rng.integers(0, 20 + 40 * turn)))
        queue.abort()
        for request, transfer in zip(made, waiting, strict=True):
            assert transfer.result().bytes_moved == request.total
            ground.received(request.segments, image[: request.total])
        dma.wait_all()
        assert {done.status_name for victim in victims if (done := victim.wait())} <= {"OK", "ABORTED"}
        queue.resume()
    ground.verify()
