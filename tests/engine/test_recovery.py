"""Queue pairs in every state, resets, and completions that go wrong."""

from __future__ import annotations

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.observe import Observer
from sgdma.engine.ring import CompletionRing
from sgdma.errors import (
    CommandFailed,
    DeviceGone,
    DeviceReset,
    DuplicateCompletion,
    HashMismatch,
    LostCompletion,
    MapMismatch,
    QueueFailed,
    RequestError,
    RulesMismatch,
    StrayCompletion,
    TransferError,
    TransferTimeout,
    UnknownTag,
    VersionMismatch,
    WrongDevice,
)
from sgdma.rules import Direction, load
from sgdma.spec.registers import DEVICE
from sgdma.spec.status import Command, Port, QueueError, QueueState, Result, Status
from sgdma.targets import open_target

from .conftest import Opener


def blocked_read(dma: Dma, queue: int = 1):  # type: ignore[no-untyped-def]
    return dma.read(np.zeros(64, np.uint8), port=Port.LOOPBACK, queue=queue)


def test_a_stopped_queue_keeps_what_it_has_and_goes_on(dma: Dma) -> None:
    queue = dma.queue(0)
    dma.write(bytes(64)).result()
    queue.stop()
    waiting = dma.write(bytes(64))
    with pytest.raises(TransferTimeout):
        waiting.result(10_000)
    assert queue.state is QueueState.STOPPED
    queue.resume()
    assert waiting.result().ok


@pytest.mark.parametrize("gone", [False, True])
def test_closing_ends_every_request_once_even_without_the_device(dma: Dma, gone: bool) -> None:
    ended: list[type[BaseException]] = []
    reads = [blocked_read(dma, queue) for queue in (0, 1) for _ in range(20)]
    dma.queue(1).stop()
    reads += [blocked_read(dma) for _ in range(5)]
    for read in reads:
        read.add_done_callback(lambda done: ended.append(type(done.error)))

    def unplugged(address: int, value: int) -> None:
        raise DeviceGone("unplugged")

    if gone:
        dma.target.write32 = unplugged  # type: ignore[method-assign]
    dma.close()
    assert ended == [DeviceGone if gone else DeviceReset] * len(reads)
    assert dma.pending == 0
    with pytest.raises(RequestError, match="closed"):
        dma.write(bytes(64))


def test_abort_ends_blocked_requests_and_spares_other_queues(dma: Dma) -> None:
    reads = [blocked_read(dma, 1) for _ in range(40)]
    dma.target.sleep(5000)
    other = dma.write(bytes(64), queue=0)
    dma.queue(1).abort()
    for read in reads:
        with pytest.raises(TransferError, match="ABORTED"):
            read.result()
    assert other.result().ok
    dma.queue(1).resume()
    dma.write(b"x" * 64, port=Port.LOOPBACK)
    assert blocked_read(dma, 1).result().ok
    assert not dma.faults


def test_abort_ends_a_write_that_user_logic_holds(dma: Dma) -> None:
    big = dma.write(bytes(100_000), port=Port.LOOPBACK)
    dma.target.sleep(20_000)
    assert dma.queue(0).in_flight == 1
    with pytest.raises(CommandFailed, match="ABORTING with 1 in flight"):
        dma.queue(0).abort(timeout=5000)
    dma.fixture.write("command", reset=1)
    dma.wait(lambda: big.done)
    assert big.completion is not None
    assert big.completion.status == Status.ABORTED
    assert 0 < big.completion.bytes_moved < 100_000


def test_commands_are_refused_in_the_wrong_state(dma: Dma) -> None:
    queue = dma.queue(2)
    assert queue.command(Command.START) is Result.BAD_STATE
    assert queue.command(Command.RESUME) is Result.BAD_STATE
    assert queue.command(Command.RELEASE) is Result.BAD_STATE
    assert queue.command(7) is Result.BAD_COMMAND
    with pytest.raises(CommandFailed, match="queue 2 in state RUNNING answers RESUME with BAD_STATE"):
        queue.resume()
    queue.stop()
    assert queue.command(Command.STOP) is Result.BAD_STATE
    queue.release()
    assert queue.state is QueueState.IDLE
    dma.registers.write("sq_doorbell", tail=1, queue=2)
    assert dma.registers.field("status", "stray_doorbell") == 1
    dma.registers.write("queue_select", queue=200)
    dma.registers.write("queue_command", op=Command.START)
    assert dma.registers.read("queue_result") == Result.BAD_QUEUE


def test_rings_are_checked_in_the_stated_order(dma: Dma) -> None:
    queue = dma.queue(3)
    queue.stop()
    queue.release()
    good = {"sq": queue.sq.buffer.iova, "cq": queue.cq.buffer.iova, "sq_log2": 4, "cq_log2": 4}
    cases = [
        ({"sq_log2": 1}, Result.BAD_SIZE), ({"sq_log2": 20, "sq": 1}, Result.BAD_SIZE),
        ({"cq_log2": 16}, Result.BAD_SIZE),
        ({"sq": good["sq"] + 64}, Result.TABLE_ALIGN), ({"sq": (1 << 16) - 256 + 128}, Result.TABLE_ALIGN),
        ({"sq": (1 << 16) - 256, "sq_log2": 5}, Result.TABLE_BOUNDARY), ({"sq_log2": 13}, Result.TABLE_BOUNDARY),
        ({"cq": 1 << 48}, Result.ADDRESS_BITS), ({}, Result.OK),
    ]  # fmt: skip
    for change, expected in cases:
        values = good | change
        dma.registers.write64("queue_sq_base", values["sq"])
        dma.registers.write64("queue_cq_base", values["cq"])
        dma.registers.write("queue_size", sq_log2=values["sq_log2"], cq_log2=values["cq_log2"])
        assert queue.command(Command.START) is expected, change


def test_a_nonsense_doorbell_stops_its_queue_only_and_restart_mends_it(dma: Dma) -> None:
    dma.registers.write("sq_doorbell", tail=dma.queue(0).sq.size + 1, queue=0)
    with pytest.raises(QueueFailed, match="SQ_DOORBELL") as caught:
        dma.check()
    assert caught.value.reason is QueueError.SQ_DOORBELL
    assert dma.write(bytes(64), queue=2).result().ok
    dma.queue(0).restart()
    dma.check()
    assert dma.write(bytes(64), queue=0).result().ok
    dma.registers.write("cq_doorbell", head=100, queue=0)
    assert dma.queue(0).error is QueueError.CQ_DOORBELL


def test_a_failed_fetch_gives_up_what_was_not_accepted(dma: Dma) -> None:
    queue = dma.queue(0)
    dma.target.faults.unmap(queue.sq.buffer.iova + 256, 4096 - 256)
    transfers = [dma.write(bytes(64)) for _ in range(20)]
    dma.wait(lambda: queue.state is QueueState.ERROR)
    dma.target.faults.clear()
    assert queue.error is QueueError.FETCH_BUS
    queue.restart()
    errors = [type(transfer.error) for transfer in transfers]
    assert set(errors[:8]) == {type(None)}
    assert set(errors[8:]) == {DeviceReset}
    assert dma.write(bytes(64)).result().ok


def test_a_failed_completion_write_is_an_error_of_the_queue(dma: Dma) -> None:
    queue = dma.queue(0)
    dma.target.faults.write_error(queue.cq.buffer.iova, 32)
    transfer = dma.write(bytes(64))
    dma.wait(lambda: queue.state is QueueState.ERROR)
    assert queue.error is QueueError.CQ_BUS
    dma.target.faults.clear()
    queue.restart()
    assert isinstance(transfer.error, DeviceReset)
    assert dma.write(bytes(64)).result().ok


def test_a_full_completion_ring_delays_and_loses_nothing(opened: Opener) -> None:
    dma = opened(cq_log2=1)
    with dma.batch():
        transfers = [dma.write(bytes(64), card_address=64 * i) for i in range(100)]
    dma.target.sleep(20_000)
    assert dma.queue(0).device_written() == 2
    dma.wait_all()
    assert [transfer.result().sequence_number for transfer in transfers] == list(range(100))
    stamps = [transfer.result().timestamp for transfer in transfers]
    assert stamps == sorted(stamps)


def test_reset_fails_everything_pending_and_memory_is_left_alone(dma: Dma) -> None:
    sink = dma.buffer(64, align=64, residue=8)
    read = dma.read(sink, port=Port.LOOPBACK)
    held = dma.prepare_write(bytes(64))
    dma.target.sleep(2000)
    dma.reset()
    for transfer in (read, held):
        with pytest.raises(DeviceReset):
            transfer.result()
    assert dma.contexts.free == len(dma.contexts.state)
    assert dma.arena.bounce.used == 0
    dma.write(b"\xff" * 64, port=Port.LOOPBACK).result()
    dma.target.sleep(2000)
    assert not sink.array.any()
    assert dma.pending == 0


class Corrupt(CompletionRing):
    """A completion ring whose records a test spoils before the driver sees them."""

    changes: dict[int, dict[str, int]]

    def take(self, known: int | None = None):  # type: ignore[no-untyped-def]
        records = super().take(known).copy()
        for record in records:
            for name, value in self.changes.pop(int(record["sequence_number"]), {}).items():
                record[name] = value
        return records


def spoil(dma: Dma, changes: dict[int, dict[str, int]]) -> None:
    ring = dma.queue(0).cq
    ring.__class__ = Corrupt
    ring.changes = changes  # type: ignore[attr-defined]


def test_a_doubled_completion_is_seen_and_harms_only_its_own_request(dma: Dma) -> None:
    first = dma.write(bytes(64))
    first.result()
    spoil(dma, {3: {"tag": first.completion.tag}})  # type: ignore[union-attr]
    others = [dma.write(bytes(64)) for _ in range(5)]
    with pytest.raises(LostCompletion):
        others[2].result()
    assert all(other.result().ok for other in (*others[:2], *others[3:]))
    with pytest.raises(DuplicateCompletion):
        first.result()
    assert [type(fault) for fault in dma.faults] == [DuplicateCompletion, LostCompletion]
    with pytest.raises(DuplicateCompletion):
        dma.check()


def test_doubled_within_one_look_is_seen_too(dma: Dma) -> None:
    spoil(dma, {1: {"tag": 0}})
    with dma.batch():
        pair = [dma.write(bytes(64)) for _ in range(2)]
    dma.target.sleep(5000)
    dma.poll()
    assert pair[0].done
    assert isinstance(pair[0].error, DuplicateCompletion)
    assert not pair[1].done


def test_a_missing_sequence_number_and_a_foreign_tag_are_seen(dma: Dma) -> None:
    spoil(dma, {1: {"sequence_number": 2}, 2: {"tag": 60_000}})
    transfers = [dma.write(bytes(64)) for _ in range(4)]
    dma.target.sleep(5000)
    dma.poll()
    kinds = [type(fault) for fault in dma.faults]
    assert kinds == [LostCompletion, LostCompletion, UnknownTag] or kinds.count(UnknownTag) == 1
    assert [transfer.done for transfer in transfers] == [True, True, False, True]


def test_slots_that_start_no_request_are_strays(dma: Dma) -> None:
    buffer = dma.buffer(4096)

    def retag(slots: np.ndarray) -> None:
        slots[2, 12:14] = 0xFF

    bad = dma.submit_raw(Direction.H2C, [(buffer.iova, 64), (buffer.iova, 64)], count=1, total=64, edit=retag)
    good = dma.write(bytes(64))
    assert bad.wait() is not None
    assert good.result().ok
    dma.poll()
    assert [type(fault) for fault in dma.faults] == [StrayCompletion]


@pytest.mark.parametrize("moderation", [(0, 0), (8, 0), (8, 4), (200, 16)])
def test_moderated_interrupts_come_in_time(opened: Opener, moderation: tuple[int, int]) -> None:
    dma = opened(moderation=moderation, interrupts=False)
    dma.registers.write("ev_enable", 0xFF)
    dma.registers.write("cq_doorbell", head=0, queue=0, arm=1)
    (count, time), source = moderation, dma.buffer(64)
    for number in range(max(1, count)):
        assert not dma.target.device.pending & 1  # type: ignore[attr-defined]
        dma.registers.write("cq_doorbell", head=0, queue=0, arm=1)
        slots = dma.prepare_write(source)
        dma.ring()
        before = dma.now()
        if time and dma.target.wait_interrupt(0, 16 * time + 500):
            assert dma.now() - before >= 16 * time
            break
        assert (not time and dma.target.wait_interrupt(0, 1000)) == (number + 1 == max(1, count))
        assert not slots.done
    dma.wait_all()


class Log(Observer):
    def __init__(self) -> None:
        self.slots, self.records, self.bells = 0, 0, 0

    def submitted(self, queue: int, batch: int, first: int, slots: np.ndarray) -> None:
        self.slots += len(slots)

    def rung(self, queue: int, tail: int, time: int) -> None:
        self.bells += 1

    def completed(self, queue: int, records: np.ndarray, time: int) -> None:
        self.records += len(records)


def test_observers_see_every_slot_bell_and_record(dma: Dma) -> None:
    log = Log()
    dma.observers.append(log)
    with dma.batch():
        for _ in range(10):
            dma.write(bytes(64))
    dma.wait_all()
    assert (log.slots, log.records, log.bells) == (20, 10, 1)


@pytest.mark.parametrize(
    ("register", "value", "error"),
    [("magic", 0, WrongDevice), ("magic", 0x12345678, WrongDevice), ("version", 0x2_0000, VersionMismatch),
     ("map_hash", 1, MapMismatch), ("rules_hash", 1, RulesMismatch), ("hash2", 1, HashMismatch)],
)  # fmt: skip
def test_a_foreign_device_is_refused_before_anything_is_done(register: str, value: int, error: type[Exception]) -> None:
    with open_target("model:") as target:
        read32 = target.read32
        target.read32 = lambda a: value if a == DEVICE.address(register) else read32(a)  # type: ignore[method-assign]
        with pytest.raises(error):
            Dma(target)
        if error not in (WrongDevice, VersionMismatch):
            Dma(target, allow_mismatch=True).close()


def test_rules_are_found_by_their_hash_where_the_rig_does_not_know_them() -> None:
    with open_target("model:?rules=ata-prd") as target:
        target.rules = None
        dma = Dma(target)
        assert dma.rules.name == load("ata-prd").name
        dma.close()
        with pytest.raises(RulesMismatch, match="peculiar"):
            Dma(target, rules=load("peculiar"))
