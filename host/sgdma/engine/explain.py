"""Requests in words: what is pending, and why one failed, with the offending value, the limit and the remedy."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from sgdma.engine.contexts import State
from sgdma.engine.ring import SQ_MASK, SubmissionRing
from sgdma.engine.transfer import Batch, Completion
from sgdma.errors import TransferError
from sgdma.rules import Direction, Rule, RuleSet
from sgdma.spec.layout import HEADER
from sgdma.spec.status import RULE_BASE, Port, SlotKind, Status

if TYPE_CHECKING:
    from sgdma.engine.device import Dma

__all__ = ["LISTED", "failure", "in_flight", "pending", "pending_text"]

LISTED = 64
"""Pending requests that are listed one by one."""
NAMED = 3
"""Of these in a message."""
_FIELDS = {Rule.SKEW: ("skew_modulus", "skew_residue"), Rule.END_RULE: ("end_modulus", "end_forbidden")}


def pending(dma: Dma, batch: Batch | None = None, index: int | None = None) -> list[dict[str, Any]]:
    """The first requests under way: of the device, of a batch, or request `index` of it.

    ``tag`` and ``slot`` (free-running index of the header) are None while a request waits for a place in the ring.
    """
    contexts, found = dma.contexts, []
    owned = np.flatnonzero((contexts.state == State.MAPPED) | (contexts.state == State.QUEUED)).tolist()
    tags = {(int(contexts.batch[tag]), int(contexts.index[tag])): tag for tag in owned}
    batches = list(dma.batches.values()) if batch is None else [batch]
    wanted = ((one, int(place)) for one in batches for place in np.flatnonzero(~one.finished) if index in (None, place))
    for one, place in islice(wanted, LISTED):
        tag = tags.get((one.number, place))
        found.append({
            "queue": one.queue, "batch": one.number, "request": place, "tag": tag, "direction": one.direction.name,
            "port": _port(one.ports), "bytes": int(one.totals[place]),
            "state": "WAITING" if tag is None else State(int(contexts.state[tag])).name,
            "slot": None if tag is None else _slot(dma.queues[one.queue].sq, tag),
        })  # fmt: skip
    return found


def pending_text(dma: Dma, batch: Batch | None = None, index: int | None = None) -> str:
    """The first of `pending` in words."""
    words = ("request {request} of batch {batch} on queue {queue}: {direction}, port {port}, {bytes} bytes, "
             "tag {tag}, {state}")  # fmt: skip
    return "; ".join(words.format(**request) for request in pending(dma, batch, index)[:NAMED])


def in_flight(dma: Dma) -> str:
    """What the device says of the queues with pending requests."""
    queues = [dma.queues[number] for number in sorted({batch.queue for batch in dma.batches.values()})]
    return ", ".join(f"queue {queue.number} is {queue.state.name} with {queue.in_flight} in flight" for queue in queues)


def failure(record: np.void, batch: Batch, index: int) -> TransferError:
    """The error of request `index` of a batch whose record has a status that isn't OK."""
    seen = Completion.of(record)
    remedy = _remedy(batch, seen.status)
    return TransferError(
        f"tag {seen.tag} on queue {seen.queue}: {seen.status_name} {_asked(batch, index, seen.segment_index)}"
        f"{_limits(batch.dma.rules, batch.direction, seen.status)}; {seen.bytes_moved} bytes moved before that"
        f"{'; ' if remedy else ''}{remedy}",
        seen.status, seen.status_name, seen.segment_index, seen.bytes_moved,
    )  # fmt: skip


def _asked(batch: Batch, index: int, segment: int | None) -> str:
    first, end = batch.offsets[index : index + 2].tolist()
    if segment is None or segment >= end - first:
        where = "in" if segment is None else f"at segment {segment} of"
        return f"{where} a request of {end - first} segments, {int(batch.totals[index])} bytes"
    place = first + segment
    base = int(batch.bases([index])[0]) if batch.bounced[place] else 0
    return f"at segment {segment}: {int(batch.addresses[place]) + base:#x} + {int(batch.lengths[place])} bytes"


def _limits(rules: RuleSet, direction: Direction, status: int) -> str:
    if status - RULE_BASE not in list(Rule):
        return ""
    rule, side = Rule(status - RULE_BASE), rules.direction(direction)
    names = _FIELDS.get(rule, (rule.name.lower(),))
    return "".join(f", {name} {getattr(side if hasattr(side, name) else rules, name)}" for name in names)


def _remedy(batch: Batch, status: int) -> str:
    if status == Status.BUS_ERROR:
        return "is that DMA memory of this device, and has no fault been injected there?"
    if status <= RULE_BASE:
        return ""
    if batch.raw is not None:
        return "dma.write and dma.read plan by the rules, submit_raw does not"
    return f"the plan obeys rules {batch.dma.rules.name}: see by `sgdma probe` whether the device enforces others"


def _port(number: int) -> str:
    return Port(number).name if number in list(Port) else str(number)


def _slot(sq: SubmissionRing, tag: int) -> int | None:
    """Where the newest header with this tag stands."""
    headers = sq.slots.view(HEADER)[:, 0]
    places = np.flatnonzero((headers["kind_opcode"] >> 4 == SlotKind.HEADER) & (headers["tag"] == tag))
    ages = sq.tail - 1 - places & sq.size - 1
    return int(sq.tail - 1 - ages.min() & SQ_MASK) if len(places) else None
