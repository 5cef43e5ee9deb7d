"""When memory or user logic fails: the right request is told, at the right place, and everything else goes on."""

from __future__ import annotations

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.errors import DeviceReset
from sgdma.rules import Direction
from sgdma.spec.layout import SLOT_BYTES
from sgdma.spec.status import Command, Port, QueueError, QueueState, Result, Status
from sgdma.suite.accounts import Ledger
from sgdma.suite.helpers import (
    BOTH,
    Ground,
    alive,
    beat,
    card_image,
    expected_crc,
    fit,
    noise,
    outcome,
    pattern,
    step,
    submit,
    vectors,
    write_card,
)
from sgdma.suite.legal import Legal
from sgdma.targets import Capability

LINE = 64
CHUNK = 16
"""Slots of one descriptor fetch, at most."""
LIMIT = 400_000
MARGIN = 65536
TURNS = 20

faulty = pytest.mark.needs("fault_injection")
both_ways = pytest.mark.parametrize("direction", BOTH, ids=lambda way: way.name)
positions = pytest.mark.parametrize("position", ["first", "interior", "last"])


def spoil(dma: Dma, kind: str, direction: Direction, segment: tuple[int, int]) -> None:
    """A fault over all lines of a segment: hardware may read more than it was asked for, up to a line."""
    start = segment[0] // LINE * LINE
    size = -(-(segment[0] + segment[1]) // LINE) * LINE - start
    faults = dma.target.faults
    error = faults.read_error if direction is Direction.H2C else faults.write_error
    (faults.unmap if kind == "unmapped" else error)(start, size)


def image_for(dma: Dma, rng: np.random.Generator, made: Legal) -> np.ndarray:
    """Card memory filled with noise as far as the request reaches."""
    image = noise(rng, -(-made.total // step(dma)) * step(dma))
    write_card(dma, 0, image)
    return image


@faulty
@positions
@pytest.mark.parametrize("kind", ["error", "unmapped"])
@both_ways
def test_a_bus_error_names_its_segment_and_spares_the_others(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger, direction: Direction, kind: str, position: str
) -> None:
    """BUS_ERROR, the segment, the bytes before it; the other segments are transferred; a second try succeeds."""
    made = ground.compose(direction, min(5, dma.rules.direction(direction).max_segments), 120)
    index = {"first": 0, "interior": len(made.segments) // 2, "last": len(made.segments) - 1}[position]
    before = sum(length for _, length in made.segments[:index])
    behind = before + made.segments[index][1]
    image = image_for(dma, rng, made)
    spoil(dma, kind, direction, made.segments[index])
    neighbour = submit(dma, ground.compose(direction, 1, 64), Port.PATTERN)
    bad = submit(dma, made)
    follower = submit(dma, ground.compose(direction, 1, 64), Port.PATTERN)
    done = outcome(bad)
    assert (done.status_name, done.segment_index, done.bytes_moved) == ("BUS_ERROR", index, before)
    assert done.crc32c == 0
    assert neighbour.result().ok
    assert follower.result().ok
    dma.target.faults.clear()
    if direction is Direction.C2H:
        ground.received(neighbour_segments(neighbour), pattern(0, 0, 1 << 16))
        ground.received(neighbour_segments(follower), pattern(0, 0, 1 << 16))
        place = 0
        for number, (address, length) in enumerate(made.segments):
            if number != index:
                ground.received([(address, length)], image[place : place + length])
            place += length
        ground.verify()
    else:
        card = card_image(dma, 0, len(image))
        expected = ground.data(made)
        assert np.array_equal(card[:before], expected[:before])
        assert np.array_equal(card[behind : made.total], expected[behind:])
        assert np.array_equal(card[made.total :], image[made.total :])
    assert submit(dma, made).result().bytes_moved == made.total
    ledger.balance()


def neighbour_segments(transfer: Transfer) -> list[tuple[int, int]]:
    """Segments of a direct request."""
    batch = transfer.batch
    return list(zip(batch.addresses.tolist(), batch.lengths.tolist(), strict=True))


@faulty
@both_ways
def test_two_bad_segments_report_the_first(dma: Dma, ground: Ground, direction: Direction) -> None:
    """Whichever answer arrives first, the lower segment is named."""
    made = ground.compose(direction, min(6, dma.rules.direction(direction).max_segments), 100)
    if len(made.segments) < 4:
        pytest.skip(f"rules {dma.rules.name}: fewer than four segments in a request")
    dma.target.faults.timing(jitter=60, out_of_order=True)
    for index in (3, 1):
        spoil(dma, "error", direction, made.segments[index])
    for _ in range(5):
        done = outcome(submit(dma, made, Port.PATTERN))
        assert (done.status_name, done.segment_index) == ("BUS_ERROR", 1)
        assert done.bytes_moved == made.segments[0][1]


@faulty
@both_ways
@pytest.mark.parametrize("count", [1, 2])
def test_an_address_that_was_never_mapped_is_a_bus_error(
    dma: Dma, ground: Ground, direction: Direction, count: int
) -> None:
    """The last segment lies behind the end of all DMA memory: DECERR, reported; nothing else is harmed.

    Where writes are posted the device can't know: the request ends well, and what has no place is lost.
    """
    made = ground.compose(direction, count, 100)
    *good, (address, length) = made.segments
    far = address + (1 << 29)
    if far + length > 1 << dma.rules.address_bits:
        pytest.skip(f"rules {dma.rules.name}: no address is out of the memory's reach")
    done = outcome(dma.submit_raw(direction, [*good, (far, length)], port=Port.PATTERN))
    moved = sum(size for _, size in good)
    if direction is Direction.C2H and Capability.POSTED_WRITES in dma.target.capabilities:
        assert (done.status_name, done.bytes_moved) == ("OK", moved + length)
    else:
        assert (done.status_name, done.segment_index, done.bytes_moved) == ("BUS_ERROR", count - 1, moved)
    if direction is Direction.C2H and good:
        ground.received(good, pattern(0, 0, moved))
    ground.verify()
    alive(dma, ground)


@faulty
def test_a_failed_descriptor_fetch_stops_its_queue_only(dma: Dma, ground: Ground) -> None:
    """FETCH_BUS: all not accepted is given up, once each; other queues live; restart mends it."""
    queue, last = dma.queue(0), len(dma.queues) - 1
    dma.target.faults.read_error(queue.sq.buffer.iova + CHUNK * SLOT_BYTES, queue.sq.buffer.size - CHUNK * SLOT_BYTES)
    dma.registers.write("ev_pending", vectors(dma))
    with dma.batch():
        transfers = [submit(dma, ground.compose(Direction.H2C, 1, 64), Port.PATTERN, queue=0) for _ in range(20)]
    dma.wait(lambda: queue.state is QueueState.ERROR, LIMIT)
    assert queue.error is QueueError.FETCH_BUS
    assert last == 0 or dma.queue(last).state is QueueState.RUNNING
    if last:
        alive(dma, ground, last)
    dma.target.faults.clear()
    queue.restart()
    for number, transfer in enumerate(transfers):
        assert transfer.done
        assert number < CHUNK // 2 or isinstance(transfer.error, DeviceReset)
    failed = [transfer.error for transfer in transfers if transfer.error and transfer.completion]
    assert len(failed) <= 1, "more than one request was being walked when the fetch failed"
    assert all("BUS_ERROR" in str(error) for error in failed)
    alive(dma, ground)


@faulty
def test_a_list_cut_by_a_failed_fetch_is_a_bus_error(dma: Dma, ground: Ground) -> None:
    """Header and first segments were fetched, the rest not: BUS_ERROR at one of the segments, nothing moved."""
    count = CHUNK + 8
    if dma.rules.h2c.max_segments < count:
        pytest.skip(f"rules {dma.rules.name}: a request has at most {dma.rules.h2c.max_segments} segments")
    queue, made = dma.queue(0), ground.compose(Direction.H2C, count, 16)
    dma.target.faults.unmap(queue.sq.buffer.iova + CHUNK * SLOT_BYTES, CHUNK * SLOT_BYTES)
    transfer = submit(dma, made, Port.PATTERN, queue=0)
    dma.wait(lambda: queue.state is QueueState.ERROR, LIMIT)
    assert queue.error is QueueError.FETCH_BUS
    dma.target.sleep(2000)
    dma.poll()
    dma.target.faults.clear()
    done = transfer.completion
    if done is None:
        queue.restart()
        assert isinstance(transfer.error, DeviceReset)
    else:
        assert done.status_name == "BUS_ERROR"
        assert done.segment_index is not None
        assert done.segment_index < CHUNK
        assert done.bytes_moved == 0
        queue.restart()
    alive(dma, ground)


@faulty
def test_a_failed_completion_write_is_an_error_of_its_queue(dma: Dma, ground: Ground) -> None:
    """CQ_BUS: the queue stops, others live, and the request that got no record is given up."""
    queue, last = dma.queue(0), len(dma.queues) - 1
    dma.target.faults.write_error(queue.cq.buffer.iova, LINE)
    transfer = submit(dma, ground.compose(Direction.H2C, 1, 64), Port.PATTERN, queue=0)
    dma.wait(lambda: queue.state is QueueState.ERROR, LIMIT)
    assert queue.error is QueueError.CQ_BUS
    if last:
        alive(dma, ground, last)
    dma.target.faults.clear()
    queue.restart()
    assert isinstance(transfer.error, DeviceReset)
    alive(dma, ground)


@pytest.mark.parametrize("fault", ["fail_c2h", "short_c2h"])
def test_a_broken_packet_of_user_logic_is_a_stream_error(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger, fault: str
) -> None:
    """An error flag on its last beat, or an end after its first: STREAM_ERROR, no byte outside; then all is well."""
    made = ground.compose(Direction.C2H, 3, max(4 * beat(dma), 100))
    image = image_for(dma, rng, made)
    dma.fixture.write("control", **{fault: 1})
    results = [outcome(submit(dma, made)) for _ in range(3)]
    dma.fixture.write("control", 0)
    for done in results:
        assert (done.status_name, done.segment_index, done.crc32c) == ("STREAM_ERROR", None, 0)
        assert done.bytes_moved <= made.total
        assert fault == "fail_c2h" or done.bytes_moved <= beat(dma)
    now = ground.now()
    moved = results[-1].bytes_moved
    inside = np.concatenate([np.arange(address, address + length) for address, length in made.segments])
    inside -= ground.buffer.iova
    assert np.array_equal(now[inside[:moved]], image[:moved])
    outside = np.ones(len(now), np.bool_)
    outside[inside] = False
    assert np.array_equal(now[outside], ground.expected[outside])
    assert submit(dma, made).result().crc32c == expected_crc(dma, image)
    ground.received(made.segments, image)
    ground.verify()
    ledger.balance()


def test_a_card_address_off_the_bus_width_ends_in_an_error(dma: Dma, ground: Ground) -> None:
    """A read is a STREAM_ERROR; a write is counted and dropped."""
    if beat(dma) <= 1:
        pytest.skip("every card address is a multiple of the bus width")
    size, off = fit(dma, 256), beat(dma) // 2
    image = card_image(dma, 0, fit(dma, 512))
    buffer = dma.buffer(size, 4096)
    for port in (Port.MEMORY, Port.PATTERN):
        assert outcome(dma.read(buffer, port=port, card_address=off)).status_name == "STREAM_ERROR"
    assert dma.fixture.read("check_errors") == 0
    assert dma.write(buffer, port=Port.MEMORY, card_address=off).result().ok
    assert dma.fixture.read("check_errors") > 0
    assert np.array_equal(card_image(dma, 0, len(image)), image)


@both_ways
def test_a_request_held_by_user_logic_waits_and_goes_on(dma: Dma, ground: Ground, direction: Direction) -> None:
    """Nothing completes while it is held, the queue counts it in flight, and released it is whole."""
    made = [ground.compose(direction, 2, 200) for _ in range(4)]
    if direction is Direction.H2C:
        image = pattern(0, 0, max(request.total for request in made))
        for request in made:
            ground.received(request.segments, image[: request.total])
        ground.put()
    dma.fixture.write("control", **{f"hold_{direction.name.lower()}": 1})
    transfers = [submit(dma, request, Port.PATTERN) for request in made]
    dma.target.sleep(5000)
    dma.poll()
    assert not any(transfer.done for transfer in transfers)
    assert dma.queue(transfers[0].batch.queue).in_flight >= 1
    dma.fixture.write("control", 0)
    for request, transfer in zip(made, transfers, strict=True):
        assert transfer.result().bytes_moved == request.total
        if direction is Direction.C2H:
            ground.received(request.segments, pattern(0, 0, request.total))
    ground.verify()
    assert dma.fixture.read("check_errors") == 0


def test_abort_of_a_queue_with_nothing_to_do_stops_it(dma: Dma, ground: Ground) -> None:
    """ABORT, STOPPED, RESUME; and ABORT again in STOPPED."""
    queue = dma.queue(0)
    for _ in range(2):
        queue.abort()
        assert queue.state is QueueState.STOPPED
    queue.resume()
    alive(dma, ground)


@both_ways
def test_abort_completes_everything_that_was_rung(
    dma: Dma, ground: Ground, ledger: Ledger, direction: Direction
) -> None:
    """One request held by user logic and many behind it: all end as ABORTED, none twice; other queues go on."""
    queue, last = dma.queue(0), len(dma.queues) - 1
    dma.fixture.write("control", **{f"hold_{direction.name.lower()}": 1})
    with dma.batch():
        transfers = [submit(dma, ground.compose(direction, 3, 900), Port.PATTERN, queue=0) for _ in range(40)]
    dma.target.sleep(4000)
    assert queue.command(Command.ABORT) is Result.OK
    if direction is Direction.H2C:
        dma.target.sleep(2000)
        dma.fixture.write("control", 0)  # user logic must take the end of the packet that it has begun
    dma.wait(lambda: queue.state is QueueState.STOPPED, LIMIT)
    dma.fixture.write("control", 0)
    dma.wait_all()
    names = [outcome(transfer).status_name for transfer in transfers]
    # What was wholly read before, and waited in the stream for user logic, may still end well; nothing behind it.
    good = names.count("OK")
    assert names == ["OK"] * good + ["ABORTED"] * (len(names) - good)
    assert good < 20
    assert good == 0 or direction is Direction.H2C
    assert all(outcome(transfer).bytes_moved == 0 for transfer in transfers[20:])
    if last:
        alive(dma, ground, last)
    queue.resume()
    dma.fixture.write("command", reset=1)
    alive(dma, ground)
    ledger.balance()


@both_ways
def test_abort_at_any_moment_leaves_each_request_whole_or_aborted(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger, direction: Direction
) -> None:
    """Twenty times under load, at random times: OK or ABORTED, once each; what was said to be moved is right."""
    queue, size = dma.queue(0), fit(dma, 1500)
    image = pattern(0, 0, size)
    for _ in range(TURNS):
        buffers = [dma.buffer(size, 4096) for _ in range(10)]
        if direction is Direction.H2C:
            for buffer in buffers:
                buffer.array[:] = image
                dma.arena.push(np.array([buffer.iova]), np.array([buffer.size]))
        with dma.batch():
            transfers = [dma.submit(direction, buffer, port=Port.PATTERN, queue=0) for buffer in buffers]
        dma.target.sleep(int(rng.integers(0, 2500)))
        queue.abort()
        dma.wait_all()
        for buffer, transfer in zip(buffers, transfers, strict=True):
            done = outcome(transfer)
            assert done.status in (Status.OK, Status.ABORTED), done.status_name
            assert done.bytes_moved <= size
            if direction is Direction.C2H and not transfer.batch.bounced.any():
                dma.arena.pull(np.array([buffer.iova]), np.array([buffer.size]))
                assert np.array_equal(buffer.array[: done.bytes_moved], image[: done.bytes_moved])
            if done.ok:
                assert done.bytes_moved == size
            dma.free(buffer)
        queue.resume()
    alive(dma, ground)
    ledger.balance()


@pytest.mark.min_queues(2)
def test_a_queue_is_stopped_aborted_and_restarted_while_others_run(
    dma: Dma, rng: np.random.Generator, ground: Ground
) -> None:
    """Twenty commands to one queue; the other carries requests all the time and none of them is hurt."""
    queue, size = dma.queue(0), fit(dma, 1000)
    mine, theirs = dma.buffer(size, 4096), dma.buffer(size, 4096)
    running: list[Transfer] = []
    for turn in range(TURNS):
        victims = [dma.submit(way, mine, port=Port.PATTERN, queue=0) for way in BOTH for _ in range(3)]
        running += [dma.submit(way, theirs, port=Port.PATTERN, queue=1) for way in BOTH for _ in range(3)]
        dma.target.sleep(int(rng.integers(0, 1500)))
        action = turn % 3
        if action == 0:
            queue.stop()
            assert queue.in_flight == 0
            queue.resume()
        elif action == 1:
            queue.abort()
            queue.resume()
        else:
            queue.restart()
        dma.wait(lambda victims=victims: all(victim.done for victim in victims), None, "the victims")  # type: ignore[misc]
        if action == 0:
            assert all(victim.error is None for victim in victims)
    dma.wait_all()
    assert all(transfer.result().bytes_moved == size for transfer in running)
    alive(dma, ground)


def test_a_stopped_queue_accepts_nothing_until_it_is_resumed(dma: Dma, ground: Ground) -> None:
    """Requests rung in STOPPED wait; RESUME carries them out, in order."""
    queue = dma.queue(0)
    queue.stop()
    transfers = [submit(dma, ground.compose(Direction.H2C, 1, 64), Port.PATTERN, queue=0) for _ in range(6)]
    dma.target.sleep(5000)
    assert queue.device_written() == 0
    assert queue.device_head() == 0
    queue.resume()
    assert [transfer.result().sequence_number for transfer in transfers] == list(range(6))


def test_reset_from_any_state_leaves_memory_alone(dma: Dma, rng: np.random.Generator) -> None:
    """Twenty resets under load at random times: once a reset has returned, no byte of memory changes or is read."""
    for turn in range(TURNS if dma.arena.direct else TURNS // 4):
        size = fit(dma, 2000)
        buffers = [dma.buffer(size, 64) for _ in range(12)]
        if Capability.FAULT_INJECTION in dma.target.capabilities:
            dma.target.faults.timing(latency=int(rng.integers(1, 300)), jitter=int(rng.integers(0, 100)))
        if turn % 4 == 3:
            dma.fixture.write("control", hold_h2c=1, hold_c2h=turn // 4 % 2)
        with dma.batch():
            transfers = [
                dma.submit(BOTH[index % 2], buffer, port=Port.PATTERN, queue=index % len(dma.queues))
                for index, buffer in enumerate(buffers)
            ]
        dma.target.sleep(int(rng.integers(0, 2500)))
        dma.reset()
        dma.fixture.write("control", 0)
        for buffer in buffers:
            buffer.array[:] = turn + 1
            dma.arena.push(np.array([buffer.iova]), np.array([buffer.size]))
        memory = whole(dma)
        before = memory.copy()
        beats = [snapshot(dma)]
        dma.target.sleep(3000)
        assert np.array_equal(whole(dma), before), "memory changed after the reset had returned"
        beats.append(snapshot(dma))
        assert beats[0] == beats[1], "the memory bus moved after the reset had returned"
        for transfer in transfers:
            assert transfer.done
            assert transfer.error is None or isinstance(transfer.error, DeviceReset)
        for buffer in buffers:
            dma.free(buffer)
    ground = Ground(dma, rng)
    for queue in range(len(dma.queues)):
        alive(dma, ground, queue)


def whole(dma: Dma) -> np.ndarray:
    """All of the driver's memory as it is now; where it is beyond a link, as far as it is in use."""
    used = len(dma.arena.array) if dma.arena.direct else dma.arena.buffers.used + MARGIN
    dma.arena.pull(np.array([dma.arena.iova]), np.array([used]))
    return dma.arena.array


def snapshot(dma: Dma) -> tuple[int, ...]:
    """Bursts and beats on the memory bus so far."""
    dma.fixture.write("command", snapshot=1)
    return tuple(dma.fixture.read(name) for name in ("r_beats", "w_beats", "ar_count", "aw_count"))


def test_reset_forgets_errors_and_strays(dma: Dma, ground: Ground) -> None:
    """ERROR, stray doorbells and pending interrupts are gone; all queues work."""
    dma.registers.write("cq_doorbell", head=3, queue=0)
    dma.registers.write("sq_doorbell", tail=1, queue=len(dma.queues))
    assert dma.queue(0).state is QueueState.ERROR
    dma.reset()
    assert dma.registers.field("status", "stray_doorbell") == 0
    for queue in range(len(dma.queues)):
        assert dma.queue(queue).state is QueueState.RUNNING
        alive(dma, ground, queue)
