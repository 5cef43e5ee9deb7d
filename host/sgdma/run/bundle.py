"""What is known about a failing test while its device is still there: data, rings, registers, recent transactions.

Every part is collected by itself: a device that no longer answers must not hide what the host knows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sgdma.engine.device import Dma
from sgdma.engine.explain import pending
from sgdma.engine.queue import Queue
from sgdma.errors import UsageError
from sgdma.run.compare import DataMismatch
from sgdma.run.transactions import TransactionLog
from sgdma.spec.layout import HEADER, SEGMENT
from sgdma.spec.status import SlotKind, status_name

__all__ = ["collect", "describe_slot"]

BEFORE, BEHIND = 12, 4
"""Ring entries shown before and behind the place where work stands."""


def collect(dma: Dma | None, log: TransactionLog, error: BaseException) -> dict[str, Any]:
    """The bundle's parts, as plain values. Never raises."""
    parts: dict[str, Any] = {"error": f"{type(error).__name__}: {error}", "recent": list(log.recent)}
    asked = any(event["event"] == "ring" for event in log.recent)
    parts["refused"] = isinstance(error, UsageError) and not asked
    if isinstance(error, DataMismatch):
        parts["data"] = {"what": error.what, "offset": error.offset, "bad_bytes": error.bad_bytes,
                         "length": error.length, "dump": error.dump}  # fmt: skip
    if dma is not None:
        parts["link"] = _tried(dma.target.evidence)
        parts["time"] = _tried(dma.now)
        parts["pending"] = _tried(lambda: [one | {"rung": _rung(log, one)} for one in pending(dma)])
        parts["pending_count"] = _tried(lambda: dma.pending)
        parts["faults"] = _tried(lambda: [str(fault) for fault in dma.faults])
        parts["queues"] = [_tried(partial(_queue, queue)) for queue in dma.queues]
        parts["registers"] = _tried(dma.registers.snapshot)
        if dma.identity.fixture:
            parts["fixture"] = _tried(lambda: _counters(dma))
    return parts


def describe_slot(slot: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """A submission slot u8 (16,) in words."""
    kind = int(slot[-1]) >> 4
    if kind == SlotKind.HEADER:
        header = slot.view(HEADER)[0]
        card = int(header["card_address_hi"]) << 32 | int(header["card_address_lo"])
        return (f"header  tag {int(header['tag']):#06x} opcode {int(header['kind_opcode']) & 15} "
                f"flags {int(header['flags'])} segments {int(header['segment_count'])} "
                f"total {int(header['total_length'])} card {card:#x}")  # fmt: skip
    if kind == SlotKind.SEGMENT:
        segment = slot.view(SEGMENT)[0]
        return (f"segment tag {int(segment['tag']):#06x} index {int(segment['kind_index']) & 0xFFF} "
                f"address {int(segment['address']):#x} length field {int(segment['length'])}")  # fmt: skip
    return f"kind {kind:#x}: {slot.tobytes().hex()}"


def _tried(part: Callable[[], Any]) -> Any:
    try:
        return part()
    except Exception as error:  # whatever it is, the other parts are still wanted
        return f"not to be had: {type(error).__name__}: {error}"


def _rung(log: TransactionLog, request: dict[str, Any]) -> int | None:
    """The cycle in which the device was told of a pending request, if the log still has it."""
    key = request["queue"], request["batch"]
    mine = [place for place, event in enumerate(log.recent) if (event.get("queue"), event.get("batch")) == key
            and request["tag"] in event["tags"]]  # fmt: skip
    later = list(log.recent)[mine[-1] :] if mine else []
    return next((event["time"] for event in later if event["event"] == "ring" and event["queue"] == key[0]), None)


def _counters(dma: Dma) -> dict[str, int]:
    dma.fixture.write("command", snapshot=1)
    return dma.fixture.snapshot()


def _queue(queue: Queue) -> dict[str, Any]:
    sq, cq = queue.sq, queue.cq
    return {
        "number": queue.number,
        "host": {"sq_head": sq.head, "sq_tail": sq.tail, "sq_rung": sq.rung, "cq_head": cq.head,
                 "waiting": len(queue.waiting)},
        "device": _tried(lambda: {"state": queue.state.name, "error": queue.error.name, "in_flight": queue.in_flight,
                                  "sq_head": queue.device_head(), "cq_tail": queue.device_written()}),
        "slots": _tried(lambda: _slots(queue)) if sq.tail else [],
        "records": _tried(lambda: _records(queue)) if cq.head or sq.tail else [],
    }  # fmt: skip


def _slots(queue: Queue) -> list[str]:
    sq = queue.sq
    centre = sq.head if sq.head != sq.tail else sq.tail - 1
    shown = []
    for index in range(max(0, centre - BEFORE), min(centre + BEHIND, sq.tail) + 1):
        marks = "".join(f" <- {name}" for name, at in (("head", sq.head), ("tail", sq.tail)) if index == at)
        shown.append(f"{index:6d} {describe_slot(sq.slots[index & sq.size - 1])}{marks}")
    return shown


def _records(queue: Queue) -> list[str]:
    cq = queue.cq
    shown = []
    for index in range(max(0, cq.head - BEFORE), cq.head + BEHIND):
        record = cq.records[index & cq.size - 1]
        if index > cq.head and not record.tobytes().strip(b"\0"):
            break
        mark = " <- head" if index == cq.head else ""
        shown.append(f"{index:6d} tag {int(record['tag']):#06x} sequence {int(record['sequence_number'])} "
                     f"{status_name(int(record['status']))} segment {int(record['segment_index']):#x} "
                     f"moved {int(record['bytes_moved'])} crc {int(record['crc32c']):08x} "
                     f"phase {int(record['phase'])} at {int(record['timestamp'])}{mark}")  # fmt: skip
    return shown
