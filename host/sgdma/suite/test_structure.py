"""Requests whose list is wrong, doorbells and commands that make no sense: reported, and nobody else's matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.queue import Queue
from sgdma.engine.transfer import Transfer
from sgdma.errors import StrayCompletion
from sgdma.rules import Direction
from sgdma.spec.layout import COMPLETION_BYTES, HEADER, SEGMENT, SLOT_BYTES
from sgdma.spec.rtl_rules import ring_align
from sgdma.spec.status import Command, Port, QueueError, QueueState, Result, Status
from sgdma.suite.accounts import Ledger
from sgdma.suite.helpers import BOTH, Ground, alive, fit, noise, outcome, submit, vectors

LIMIT = 200_000
both_ways = pytest.mark.parametrize("direction", BOTH, ids=lambda way: way.name)


def refused(transfer: Transfer, status: Status, index: int | None = None) -> None:
    """That status, and nothing moved."""
    done = outcome(transfer)
    assert (done.status_name, done.segment_index) == (status.name, index)
    assert (done.bytes_moved, done.crc32c) == (0, 0)


@pytest.mark.parametrize(
    "field",
    [{"kind": 0}, {"kind": 5}, {"kind": 15}, {"opcode": 0}, {"opcode": 3}, {"opcode": 15}, {"flags": 3}, {"flags": 4},
     {"flags": 0x82}],
    ids=lambda field: "-".join(f"{name}{value}" for name, value in field.items()),
)  # fmt: skip
def test_a_bad_header_is_refused_and_the_next_one_found(
    dma: Dma, ground: Ground, ledger: Ledger, field: dict[str, int]
) -> None:
    """Wrong kind, opcode, flags or port: BAD_HEADER; its segments are skipped and the next request runs."""
    made = [ground.compose(Direction.H2C, 3, 100) for _ in range(3)]
    with dma.batch():
        before = submit(dma, made[0], Port.PATTERN, queue=0)
        bad = dma.submit_raw(Direction.H2C, made[1].segments, port=Port.PATTERN, queue=0, **field)  # type: ignore[arg-type]
        behind = submit(dma, made[2], Port.PATTERN, queue=0)
    refused(bad, Status.BAD_HEADER)
    assert before.result().ok
    assert behind.result().ok
    assert (ledger.done, len(ledger.open)) == (3, 0)


@both_ways
@pytest.mark.parametrize("position", ["first", "interior", "last"])
@pytest.mark.parametrize("what", ["tag", "index", "kind"])
def test_a_torn_list_is_refused_at_the_slot_that_does_not_fit(
    dma: Dma, ground: Ground, direction: Direction, what: str, position: str
) -> None:
    """A stale tag, a wrong index or a slot of no kind: TORN_LIST with its place; the next request runs."""
    count = min(5, dma.rules.direction(direction).max_segments)
    made = ground.compose(direction, count, 100)
    index = {"first": 0, "interior": len(made.segments) // 2, "last": len(made.segments) - 1}[position]

    def tear(slots: np.ndarray) -> None:
        slot = slots.view(SEGMENT)[1 + index, 0]
        if what == "tag":
            slot["tag"] ^= 0x8000
        elif what == "index":
            slot["kind_index"] = int(slot["kind_index"]) ^ 0x800
        else:
            slot["kind_index"] = int(slot["kind_index"]) & 0xFFF | 0x3000

    with dma.batch():
        bad = dma.submit_raw(direction, made.segments, edit=tear, queue=0)
        behind = submit(dma, ground.compose(direction, 2, 100), Port.PATTERN, queue=0)
    refused(bad, Status.TORN_LIST, index)
    assert behind.result().ok


def test_a_header_in_the_middle_of_a_list_starts_the_next_request(dma: Dma, ground: Ground) -> None:
    """The header announces one segment more than follow: torn there, and what follows is carried out."""
    whole = ground.compose(Direction.H2C, 3, 100)
    count = len(whole.segments)
    if count < 2:
        pytest.skip(f"rules {dma.rules.name}: a request of this direction has one segment only")
    with dma.batch():
        torn = dma.submit_raw(Direction.H2C, whole.segments[:-1], count=count, total=whole.total, queue=0)
        behind = submit(dma, ground.compose(Direction.H2C, 2, 100), Port.PATTERN, queue=0)
    refused(torn, Status.TORN_LIST, count - 1)
    assert behind.result().ok


def test_a_list_beyond_the_doorbell_is_torn(dma: Dma, ground: Ground) -> None:
    """The last segment is not there when the bell rings: torn at its place, and what comes later is found."""
    whole = ground.compose(Direction.C2H, 3, 100)
    count = len(whole.segments)
    if count < 2:
        pytest.skip(f"rules {dma.rules.name}: a request of this direction has one segment only")
    torn = dma.submit_raw(Direction.C2H, whole.segments[:-1], count=count, total=whole.total, queue=0)
    refused(torn, Status.TORN_LIST, count - 1)
    alive(dma, ground)


def test_half_a_request_at_a_doorbell_is_torn_and_its_rest_a_stray(dma: Dma, ground: Ground) -> None:
    """A doorbell that cuts a request: torn at the cut; the rest of it, rung later, is no request."""
    made, queue = ground.compose(Direction.H2C, 4, 100), dma.queue(0)
    if len(made.segments) < 4:
        pytest.skip(f"rules {dma.rules.name}: no request has 4 segments")
    with dma.batch():
        cut = submit(dma, made, Port.PATTERN, queue=0)
        dma.registers.write("sq_doorbell", tail=3, queue=0)
        assert dma.target.poll_until(lambda: queue.device_written() == 1, LIMIT)
    refused(cut, Status.TORN_LIST, 2)
    dma.wait(lambda: bool(dma.faults), LIMIT)
    assert [type(fault) for fault in dma.faults] == [StrayCompletion]
    dma.faults.clear()
    alive(dma, ground)
    assert queue.cq.head == 4


@both_ways
@pytest.mark.parametrize("change", [-1, 1, 64])
def test_a_total_that_is_not_the_sum_is_a_length_mismatch(
    dma: Dma, ground: Ground, direction: Direction, change: int
) -> None:
    """The header's total is off by a little, within the rules: LENGTH_MISMATCH, no segment to blame."""
    made, side = ground.compose(direction, 3, 300), dma.rules.direction(direction)
    total = made.total + change * side.total_align
    if not 0 < total <= side.max_request_size:
        total = made.total - side.total_align
    bad = dma.submit_raw(direction, made.segments, total=total, queue=0)
    behind = submit(dma, ground.compose(direction, 2, 100), Port.PATTERN, queue=0)
    refused(bad, Status.LENGTH_MISMATCH)
    assert behind.result().ok
    ground_unharmed(dma, ground, made.segments)


def ground_unharmed(dma: Dma, ground: Ground, segments: tuple[tuple[int, int], ...]) -> None:
    """The memory of a refused request is as it was."""
    now = ground.now()
    for address, length in segments:
        place = slice(address - ground.buffer.iova, address - ground.buffer.iova + length)
        assert np.array_equal(now[place], ground.expected[place])


def test_random_slots_are_survived(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """A ring full of noise: every slot is passed over or refused, no memory is touched, the queue lives."""
    queue = dma.queue(0)
    count = min(queue.sq.size, 64)
    slots = noise(rng, count * SLOT_BYTES).reshape(count, SLOT_BYTES)
    kinds = rng.integers(0, 3, count)
    slots[:, 15] = np.where(kinds == 0, 0xA0 | rng.integers(0, 4, count), np.where(kinds == 1, 0x50, slots[:, 15]))
    slots.view(HEADER)["flags"][kinds == 0] = 0x80  # no noise may become a good request
    queue.sq.write(slots)
    dma.registers.write("sq_doorbell", tail=queue.sq.tail, queue=0)
    queue.sq.rung = queue.sq.tail
    assert dma.target.poll_until(lambda: queue.device_head() == queue.sq.tail and not queue.in_flight, LIMIT)
    dma.poll()
    dma.faults.clear()
    queue.sq.consumed(queue.device_head())
    ground.verify()
    alive(dma, ground)


Nonsense = Callable[[Queue], int]


@pytest.mark.parametrize(
    "tail",
    [
        lambda queue: queue.sq.tail + queue.sq.size + 1,
        lambda queue: queue.sq.tail - 1,
        lambda queue: queue.sq.tail + (1 << 19),
    ],
    ids=["beyond the ring", "backward", "far away"],
)
def test_a_senseless_submission_doorbell_stops_its_queue_only(dma: Dma, ground: Ground, tail: Nonsense) -> None:
    """SQ_DOORBELL: the queue is in ERROR, keeps its tail, hears nothing, and a restart mends it."""
    queue, last = dma.queue(0), len(dma.queues) - 1
    alive(dma, ground)
    head = queue.device_head()
    dma.registers.write("ev_pending", vectors(dma))
    if queue.sq.size == 1 << 19:
        pytest.skip("the ring has all the slots that an index can say")
    dma.registers.write("sq_doorbell", tail=tail(queue) & 0xFFFFF, queue=0)
    assert queue.state is QueueState.ERROR
    assert queue.error is QueueError.SQ_DOORBELL
    assert dma.registers.read("ev_pending") >> len(dma.queues) & 1, "the error vector did not fire"
    dma.registers.write("sq_doorbell", tail=head + 2 & 0xFFFFF, queue=0)
    assert queue.device_head() == head
    if last:
        alive(dma, ground, last)
    queue.restart()
    alive(dma, ground)


@pytest.mark.parametrize("ahead", [1, 1000, -1], ids=["one ahead", "far ahead", "backward"])
def test_a_senseless_completion_doorbell_stops_its_queue_only(dma: Dma, ground: Ground, ahead: int) -> None:
    """CQ_DOORBELL for a head beyond what was written, or before what was acknowledged."""
    queue, last = dma.queue(0), len(dma.queues) - 1
    alive(dma, ground)
    dma.registers.write("cq_doorbell", head=queue.cq.head + ahead & 0xFFFF, queue=0)
    assert queue.state is QueueState.ERROR
    assert queue.error is QueueError.CQ_DOORBELL
    if last:
        alive(dma, ground, last)
    queue.restart()
    alive(dma, ground)


@pytest.mark.parametrize("recovery", ["abort", "release"])
def test_a_doorbell_error_is_left_by_abort_or_release(dma: Dma, ground: Ground, recovery: str) -> None:
    """Both ways out of ERROR after a doorbell, with nothing in flight; the error is forgotten."""
    queue = dma.queue(0)
    dma.registers.write("cq_doorbell", head=7, queue=0)
    states = [queue.state]
    if recovery == "abort":
        queue.abort()
        states.append(queue.state)
        queue.resume()
    else:
        queue.release()
        states.append(queue.state)
        queue.start()
    assert states == [QueueState.ERROR, QueueState.STOPPED if recovery == "abort" else QueueState.IDLE]
    assert queue.error is QueueError.NONE
    alive(dma, ground)


VALID = {
    QueueState.IDLE: {Command.START}, QueueState.RUNNING: {Command.STOP, Command.ABORT},
    QueueState.STOPPING: {Command.ABORT}, QueueState.STOPPED: {Command.RESUME, Command.ABORT, Command.RELEASE},
    QueueState.ABORTING: set(), QueueState.ERROR: {Command.ABORT, Command.RELEASE},
}  # fmt: skip
"""Commands that are valid in a state; in all others they answer BAD_STATE and change nothing."""


def bring_to(dma: Dma, queue: Queue, state: QueueState) -> None:
    """From RUNNING into a state; STOPPING and ABORTING are held there by user logic that does not move."""
    if state in (QueueState.STOPPING, QueueState.ABORTING):
        dma.fixture.write("control", hold_h2c=1)
        dma.write(dma.buffer(fit(dma, 4096)), queue=queue.number)
        assert dma.target.poll_until(lambda: queue.in_flight == 1, LIMIT)
        dma.target.sleep(3000)
        queue.command(Command.STOP if state is QueueState.STOPPING else Command.ABORT)
    elif state is QueueState.ERROR:
        dma.registers.write("cq_doorbell", head=5, queue=queue.number)
    elif state in (QueueState.STOPPED, QueueState.IDLE):
        queue.stop()
        if state is QueueState.IDLE:
            queue.release()
    assert queue.state is state


@pytest.mark.parametrize("state", list(QueueState), ids=lambda state: state.name)
def test_every_command_in_every_state_does_what_the_table_says(dma: Dma, ground: Ground, state: QueueState) -> None:
    """Invalid commands answer BAD_STATE and change nothing; unknown ones BAD_COMMAND; the queue goes on afterwards."""
    queue = dma.queue(len(dma.queues) - 1)
    bring_to(dma, queue, state)
    for op in Command:
        if op not in VALID[state]:
            assert queue.command(op) is Result.BAD_STATE, op.name
            assert queue.state is state, op.name
    for code in (0, 6, 7):
        assert queue.command(code) is Result.BAD_COMMAND
        assert queue.state is state
    for op in sorted(VALID[state]):
        if op is not Command.START:
            bring_back(dma, queue, state)
            assert queue.command(op) is Result.OK, op.name
    dma.fixture.write("control", 0)
    dma.reset()
    alive(dma, ground, queue.number)


def bring_back(dma: Dma, queue: Queue, state: QueueState) -> None:
    """Into the state again, after a valid command left it."""
    if queue.state is not state:
        dma.fixture.write("control", 0)
        dma.reset()
        bring_to(dma, queue, state)


def test_release_waits_until_nothing_is_in_flight(dma: Dma, ground: Ground) -> None:
    """ERROR with a request under way: RELEASE is refused until it has ended."""
    queue = dma.queue(0)
    dma.fixture.write("control", hold_h2c=1)
    held = dma.write(dma.buffer(fit(dma, 4096)), queue=0)
    assert dma.target.poll_until(lambda: queue.in_flight == 1, LIMIT)
    dma.registers.write("cq_doorbell", head=9, queue=0)
    assert queue.state is QueueState.ERROR
    assert queue.command(Command.RELEASE) is Result.BAD_STATE
    dma.fixture.write("control", 0)
    assert held.result().ok
    queue.release()
    queue.start()
    alive(dma, ground)


def test_bad_rings_are_refused_in_the_stated_order(dma: Dma, ground: Ground) -> None:
    """Size, alignment, boundary, reach: each alone, and the first of several; a good START afterwards works."""
    queue, rules = dma.queue(0), dma.rules
    queue.stop()
    queue.release()
    align, boundary = ring_align(rules), rules.table_boundary
    good = {"sq": queue.sq.buffer.iova, "cq": queue.cq.buffer.iova, "sq_log2": queue.sq.log2, "cq_log2": queue.cq.log2}
    cases = [
        ({"sq_log2": 0}, Result.BAD_SIZE), ({"sq_log2": 1}, Result.BAD_SIZE), ({"sq_log2": 20}, Result.BAD_SIZE),
        ({"sq_log2": 31}, Result.BAD_SIZE), ({"cq_log2": 0}, Result.BAD_SIZE), ({"cq_log2": 16}, Result.BAD_SIZE),
        ({"cq_log2": 0, "sq": good["sq"] + 8}, Result.BAD_SIZE),
        ({"sq": good["sq"] + align // 2}, Result.TABLE_ALIGN), ({"cq": good["cq"] + 1}, Result.TABLE_ALIGN),
        ({"cq": good["cq"] + align // 2}, Result.TABLE_ALIGN),
    ]  # fmt: skip
    if boundary:
        slots = (boundary // SLOT_BYTES).bit_length() - 1
        records = (boundary // COMPLETION_BYTES).bit_length() - 1
        cases += [({"sq_log2": slots + 1, "sq": boundary * 16}, Result.TABLE_BOUNDARY)] if slots < 19 else []
        cases += [({"cq_log2": records + 1, "cq": boundary * 16}, Result.TABLE_BOUNDARY)] if records < 15 else []
        if boundary > 2 * align:
            small = (2 * align // SLOT_BYTES).bit_length() - 1
            cases += [({"sq": boundary * 17 - align, "sq_log2": small}, Result.TABLE_BOUNDARY)]
        cases += [({"sq": good["sq"] + 1, "sq_log2": slots + 1}, Result.TABLE_ALIGN)] if slots < 19 else []
    if rules.address_bits < 64:
        cases += [({ring: 1 << rules.address_bits}, Result.ADDRESS_BITS) for ring in ("sq", "cq")]
    for change, expected in cases:
        assert start(dma, queue, {**good, **change}) is expected, (change, expected.name)
        assert queue.state is QueueState.IDLE
    assert start(dma, queue, good) is Result.OK
    queue.stop()
    queue.release()
    queue.start()
    alive(dma, ground)


def start(dma: Dma, queue: Queue, values: dict[str, int]) -> Result:
    """START with these rings."""
    dma.registers.write64("queue_sq_base", values["sq"])
    dma.registers.write64("queue_cq_base", values["cq"])
    dma.registers.write("queue_size", sq_log2=values["sq_log2"], cq_log2=values["cq_log2"])
    return queue.command(Command.START)


def test_an_idle_queue_calls_its_doorbells_stray(dma: Dma, ground: Ground) -> None:
    """Doorbells of a queue that was never started or was released are noted and ignored."""
    queue = dma.queue(len(dma.queues) - 1)
    queue.stop()
    queue.release()
    for bell in ("sq_doorbell", "cq_doorbell"):
        assert dma.registers.field("status", "stray_doorbell") == (bell == "cq_doorbell")
        dma.registers.write(bell, 1, queue=queue.number)
        assert dma.registers.field("status", "stray_doorbell") == 1
    assert queue.state is QueueState.IDLE
    queue.start()
    assert queue.device_head() == 0
    alive(dma, ground, queue.number)
