"""Completions on their way up: every record is matched to exactly one pending context, or it is a fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sgdma.engine.contexts import State
from sgdma.engine.explain import failure
from sgdma.engine.queue import Queue
from sgdma.engine.ring import pick, words
from sgdma.engine.transfer import NO_RECORD, Batch, Transfer
from sgdma.errors import DeviceError, DuplicateCompletion, LostCompletion, SgdmaError, StrayCompletion, UnknownTag
from sgdma.rules import Direction
from sgdma.spec.status import Status

if TYPE_CHECKING:
    from sgdma.engine.device import Dma

__all__ = ["abandon", "give_up", "process", "reconcile", "unstick"]

U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]


REMEMBERED = 256
"""Batches kept after their end, to blame when one of them completes again; fewer when others own all contexts since."""


def process(dma: Dma, queue: Queue) -> int:
    """Take what is new in one completion ring; how many records."""
    first = queue.cq.head
    records = queue.cq.take(None if dma.arena.direct else queue.device_written())
    count = len(records)
    if not count:
        return 0
    for observer in dma.observers:
        observer.completed(queue.number, records, dma.now())
    _check_sequence(dma, queue, first, records)
    queue.sq.consumed(int(records["sq_head"][-1]))
    good = _match(dma, queue, records)
    if len(good) < len(records):
        records = pick(records, good)
    _finish(dma, records["tag"], records)
    queue.ring_cq()
    queue.pump(ring=not dma.held)
    return count


def unstick(dma: Dma) -> None:
    """Slots that the device skipped show in its register only: look there when nothing else would free the ring."""
    for queue in dma.queues:
        if queue.waiting and queue.sq.rung != queue.sq.head:
            queue.sq.consumed(queue.device_head())
            queue.pump()


def _check_sequence(dma: Dma, queue: Queue, first: int, records: Records) -> None:
    expected = first + np.arange(len(records)) & 0xFFFF
    if not ((records["sequence_number"] - expected & 0xFFFF) != queue.sequence_skew).any():
        return
    for place, number in zip(expected.tolist(), records["sequence_number"].tolist(), strict=True):
        skew = number - place & 0xFFFF
        if skew != queue.sequence_skew:
            wanted = place + queue.sequence_skew & 0xFFFF
            text = f"queue {queue.number}: completion {wanted} is missing, {number} stands in its place"
            dma.faults.append(LostCompletion(text))
            queue.sequence_skew = skew


def _match(dma: Dma, queue: Queue, records: Records) -> I64:
    """Places of the records that end a pending request of this queue; the rest goes to ``dma.faults``."""
    contexts, tags = dma.contexts, records["tag"]
    if contexts.all_distinct(tags, State.QUEUED):
        return np.arange(len(tags))
    known = tags < len(contexts.state)
    good = known.copy()
    good[known] = contexts.state[tags[known]] == State.QUEUED
    first = np.zeros(len(tags), np.bool_)
    first[np.unique(tags, return_index=True)[1]] = True
    good &= first
    for place in np.flatnonzero(~good).tolist():
        fault = _fault(dma, queue, records[place])
        dma.faults.append(fault)
        if isinstance(fault, DuplicateCompletion):
            _blame(dma, int(tags[place]), fault)
    return np.flatnonzero(good)


def _fault(dma: Dma, queue: Queue, record: np.void) -> DeviceError:
    tag, place = int(record["tag"]), f"queue {queue.number}, completion {int(record['sequence_number'])}"
    if record["status"] == Status.BAD_HEADER:
        return StrayCompletion(f"{place}: a slot that starts no request, with {tag:#x} for a tag", record)
    if tag >= len(dma.contexts.state) or dma.contexts.batch[tag] < 0:
        return UnknownTag(f"{place}: tag {tag:#x} was never given out")
    return DuplicateCompletion(f"{place}: tag {tag:#x} is not pending: its request was completed before")


def _blame(dma: Dma, tag: int, fault: DuplicateCompletion) -> None:
    """The request that completed twice can't be trusted, if it is still remembered."""
    number = int(dma.contexts.batch[tag])
    owner = dma.recent.get(number) or dma.batches.get(number)
    if owner is not None:
        owner.errors.setdefault(int(dma.contexts.index[tag]), fault)


def _finish(dma: Dma, tags: U16, records: Records) -> None:
    """End the requests of these contexts, by their records."""
    dma.contexts.finish(tags)
    numbers, indices = dma.contexts.batch[tags], dma.contexts.index[tags]
    ended: list[tuple[Batch, I64]] = []
    for number in sorted(set(numbers.tolist())):
        mine = np.flatnonzero(numbers == number)
        batch, index, own = dma.batches[number], indices, records
        if len(mine) < len(records):
            index, own = indices[mine], pick(records, mine)
        words(batch.records)[index] = words(own)
        for place in np.flatnonzero(own["status"] != Status.OK).tolist():
            batch.errors[int(index[place])] = failure(own[place], batch, int(index[place]))
        _deliver(dma, batch, index)
        ended.append((batch, index))
    dma.contexts.release(tags)
    for batch, index in ended:
        _announce(dma, batch, index)


def _deliver(dma: Dma, batch: Batch, index: I64) -> None:
    """Bring data home and give bounce space back."""
    if batch.direction is Direction.C2H:
        _pull(dma, batch, index)
        if len(batch.copy_length):
            copies = _rows(batch.copy_offsets, index)
            owner = np.repeat(index, np.diff(batch.copy_offsets)[index])
            bases = batch.bases(owner.tolist())
            dma.arena.copy(batch.copy_address[copies], bases + batch.copy_offset[copies], batch.copy_length[copies])
            # What was copied by the host is in its own view only; the device's shall agree.
            dma.arena.push(batch.copy_address[copies].astype(np.int64), batch.copy_length[copies].astype(np.int64))
    if batch.areas:
        _free_areas(dma, batch, index)


def _pull(dma: Dma, batch: Batch, index: I64) -> None:
    if dma.arena.direct:
        return
    index = index[batch.records["bytes_moved"][index] > 0]  # what moved no byte has left memory as it was
    if not len(index):
        return
    rows = _rows(batch.offsets, index)
    owner = np.repeat(index, np.diff(batch.offsets)[index])
    bases = batch.bases(owner.tolist())
    addresses = batch.addresses[rows].astype(np.int64) + np.where(batch.bounced[rows], bases, 0)
    dma.arena.pull(addresses, batch.lengths[rows].astype(np.int64))


def _rows(offsets: I64, index: I64) -> I64:
    """Places ``offsets[i]:offsets[i + 1]`` of all i in `index`, one after the other."""
    sizes = offsets[index + 1] - offsets[index]
    before = np.cumsum(sizes) - sizes
    return np.repeat(offsets[index] - before, sizes) + np.arange(int(sizes.sum()))


def _free_areas(dma: Dma, batch: Batch, index: I64) -> None:
    for request in index.tolist():
        area, _ = batch.areas.pop(request, (None, 0))
        if area is not None:
            area.users -= 1
            if not area.users:
                dma.arena.bounce.free(area.iova, area.size)


def _announce(dma: Dma, batch: Batch, index: I64) -> None:
    """Mark as done; clean up behind the last; call back, when all is consistent again."""
    batch.finished[index] = True
    batch.remaining -= len(index)
    if not batch.remaining:
        del dma.batches[batch.number]
        dma.bytes_under_way -= batch.bytes
        _remember(dma, batch)
        for cleanup in batch.cleanups:
            cleanup()
    if batch.callbacks:
        for request in index.tolist():
            for callback in batch.callbacks.pop(request, ()):
                callback(Transfer(batch, request))


def _remember(dma: Dma, batch: Batch) -> None:
    dma.recent[batch.number] = batch
    dma.remembered += len(batch)
    oldest = next(iter(dma.recent.values()))
    while len(dma.recent) > REMEMBERED or dma.remembered - len(oldest) >= len(dma.contexts.state):
        del dma.recent[oldest.number]
        dma.remembered -= len(oldest)
        oldest = next(iter(dma.recent.values()))


def give_up(dma: Dma, queue: Queue, error: Callable[[int], SgdmaError]) -> int:
    """Fail all contexts of a queue that are mapped or queued; how many. The device must not use them any more."""
    contexts = dma.contexts
    of_queue = np.array([number for number, batch in dma.batches.items() if batch.queue == queue.number], np.int64)
    mine = np.isin(contexts.batch, of_queue)
    mapped = np.flatnonzero(mine & (contexts.state == State.MAPPED)).astype(np.uint16)
    queued = np.flatnonzero(mine & (contexts.state == State.QUEUED)).astype(np.uint16)
    contexts.cancel(mapped)
    contexts.finish(queued)
    queue.unrung = []
    tags = np.concatenate((mapped, queued))
    for tag in tags.tolist():
        batch, index = dma.batches[int(contexts.batch[tag])], int(contexts.index[tag])
        batch.errors[index] = error(tag)
        batch.records["phase"][index] = NO_RECORD
        _free_areas(dma, batch, np.array([index]))
        _announce(dma, batch, np.array([index]))
    contexts.release(tags)
    return len(tags)


def abandon(dma: Dma, batch: Batch, error: SgdmaError) -> None:
    """Fail the requests of a batch that have no context yet."""
    index = np.arange(batch.placed, len(batch))
    batch.placed = len(batch)
    for request in index.tolist():
        batch.errors[request] = error
    batch.records["phase"][index] = NO_RECORD
    _announce(dma, batch, index)


def reconcile(dma: Dma) -> None:
    """Requests whose completion can't come any more fail with LostCompletion.

    That is so when the device has consumed all slots, has nothing in flight, and all it wrote has been read.
    """
    for queue in dma.queues:
        if queue.sq.rung != queue.sq.tail or queue.in_flight or queue.device_head() != queue.sq.tail:
            continue
        process(dma, queue)
        if queue.device_written() == queue.cq.head and not queue.unrung:
            lost = give_up(dma, queue, lambda tag: LostCompletion(f"tag {tag}: the device is idle, no completion came"))
            if lost:
                dma.faults.append(LostCompletion(f"queue {queue.number}: {lost} requests were never completed"))
