"""One point of the grid, measured by the fixture's counters: in device cycles, alike on every target."""

from __future__ import annotations

import dataclasses
from typing import Any

from sgdma.bench.core.grid import Point
from sgdma.bench.core.load import SPREAD, WAYS, Load
from sgdma.engine.device import open_dma
from sgdma.errors import TransferTimeout
from sgdma.run.measure import allowed
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.targets import Capability

__all__ = ["Bench", "limit"]

WINDOW = 32768
RAMP = 16384
"""Cycles of the steady state that are measured, and before it, to which come four of memory's latencies. Both twice for
both directions at once, which drift against each other by what the buffers between them hold, and the window once for
each queue: the slots that lie prefetched when it begins are fetched in no cycle of it."""
FEW = 64
"""With fewer requests in flight the whole is measured, from doorbell to last completion, if it is no longer than:"""
LONGEST = 24576
SQ_LOG2, CQ_LOG2, ARENA = 18, 13, 40 << 20
"""Rings that hold 4096 requests of 32 segments."""
COUNT = 1 << 32
CHANNELS = {"ar": "ar_count", "r": "r_beats", "aw": "aw_count", "w": "w_beats", "b": "b_count"}


class Bench:
    """An open device on which points of its data width are measured, one after the other."""

    def __init__(self, url: str) -> None:
        self.dma = open_dma(url, arena=ARENA, sq_log2=SQ_LOG2, cq_log2=CQ_LOG2, interrupts=False)
        self.buffer = self.dma.buffer(2 * SPREAD, 4096)

    @property
    def sets_latency(self) -> bool:
        """Whether memory's latency can be chosen; on a board it is what it is."""
        return Capability.FAULT_INJECTION in self.dma.target.capabilities

    def fits(self, point: Point) -> bool:
        """Whether this device can run the point."""
        device = self.dma.identity
        sides = [self.dma.rules.direction(way) for way in WAYS[point.direction]]
        return point.data_width == device.data_width and point.queues <= device.queues and all(
            allowed(side, point.segment_size, point.segments_per_request)
            and 64 % side.address_align == 0 and side.skew_residue == 0 for side in sides
        )  # fmt: skip

    def measure(self, point: Point) -> dict[str, Any]:
        """The row of a point; afterwards the device is as after a reset."""
        dma, load = self.dma, self._load(point)
        work = max(limit(point)) * point.segments_per_request * point.in_flight
        try:
            whole = point.in_flight < FEW and work + 4 * point.latency <= LONGEST
            seen = self._span(point, load) if whole else self._steady(point, load, work)
        finally:
            dma.reset()
        row = _row(point, seen) | {"method": "whole" if whole else "steady", "rules": dma.rules.name}
        return row | (_waits(point, seen) if whole and point.in_flight == 1 and point.direction != "both" else {})

    def drive(self, point: Point, cycles: int) -> None:
        """The traffic of a point for so long, unmeasured."""
        self._load(point).begin()
        self.dma.target.sleep(cycles)
        self.dma.reset()

    def _load(self, point: Point) -> Load:
        if self.sets_latency:
            self.dma.target.faults.timing(latency=point.latency)
        self.dma.registers.write("cq_doorbell", head=0, queue=0, arm=1)
        return Load(self.dma, point, self.buffer.iova)

    def _span(self, point: Point, load: Load) -> dict[str, int]:
        """From the doorbell (the first, where there are several) to the answer to the last completion record."""
        dma = self.dma
        dma.fixture.write("command", reset=1)
        load.begin()
        end = dma.now() + 16 * LONGEST + 64 * point.latency * point.segments_per_request * point.in_flight
        while load.done < point.in_flight:
            if dma.now() > end:
                raise TransferTimeout(f"{point}: {load.done} of {point.in_flight} completed")
            dma.target.sleep(64)
            load.look()
        dma.target.sleep(32)
        seen = self._snapshot()
        begin = seen["at_doorbell"] if min(point.in_flight, point.queues) == 1 else 0
        return seen | {"cycles": (seen["at_record_b"] - begin) % COUNT}

    def _steady(self, point: Point, load: Load, work: float) -> dict[str, int]:
        """A window of the steady state: what has completed is replaced meanwhile, unless enough is queued."""
        ways = 2 if point.direction == "both" else 1
        ramp, window = ways * RAMP + 4 * point.latency, ways * WINDOW * point.queues
        step = int(min(256, max(16, work / 8)))
        if work > 1.25 * (ramp + window):
            step = window
        load.begin()
        self._pass(load, ramp, step)
        self.dma.fixture.write("command", reset=1)
        self._pass(load, window, step)
        return self._snapshot()

    def _pass(self, load: Load, cycles: int, step: int) -> None:
        end = self.dma.now() + cycles
        while (left := end - self.dma.now()) > 0:
            self.dma.target.sleep(min(left, step))
            load.replace()

    def _snapshot(self) -> dict[str, int]:
        self.dma.fixture.write("command", snapshot=1)
        return self.dma.fixture.snapshot()


def limit(point: Point) -> tuple[float, float]:
    """Cycles a segment that the read and the write data channel need at least: payload, descriptors, records.

    Both channels move a beat a cycle. For ``both`` a segment is one each way.
    """
    beat = point.data_width // 8
    ways = 2 if point.direction == "both" else 1
    payload = -(-point.segment_size // beat)
    descriptors = ways * SLOT_BYTES / beat * (1 + 1 / point.segments_per_request)
    records = ways * max(1.0, COMPLETION_BYTES / beat) / point.segments_per_request
    reads, writes = point.direction != "c2h", point.direction != "h2c"
    return payload * reads + descriptors, payload * writes + records


def _row(point: Point, seen: dict[str, int]) -> dict[str, Any]:
    cycles, beats = seen["cycles"], -(-point.segment_size // (point.data_width // 8))
    payload = {"h2c": seen["r_beats"] - seen["r_descriptors"], "c2h": seen["w_beats"] - seen["w_records"]}
    ways = ("h2c", "c2h") if point.direction == "both" else (point.direction,)
    each = {way: round(cycles * beats / max(payload[way], 1), 4) for way in ways}
    busy = {name: round(seen[count] / cycles, 4) for name, count in CHANNELS.items()}
    limiting = {"h2c": busy["r"], "c2h": busy["w"], "both": max(busy["r"], busy["w"])}
    slowest = max(each.values())
    return dataclasses.asdict(point) | {
        "cycles_per_segment": slowest, "utilisation": limiting[point.direction],
        "bytes_per_cycle": round(sum(point.segment_size / value for value in each.values()), 4),
        "of_limit": round(max(limit(point)) / slowest, 4), "cycles": cycles,
        **{f"{way}_cycles_per_segment": value for way, value in each.items()},
        **{f"{name}_utilisation": value for name, value in busy.items()},
        "descriptor_bytes_per_segment": _per_segment(point, seen, payload, beats),
        **_stalls(seen),
    }  # fmt: skip


def _per_segment(point: Point, seen: dict[str, int], payload: dict[str, int], beats: int) -> float:
    segments = sum(payload.values()) / beats
    return round(seen["r_descriptors"] * point.data_width / 8 / max(segments, 1), 2)


def _stalls(seen: dict[str, int]) -> dict[str, int]:
    """Cycles in which a channel did not move, by cause. R and W: their causes and beats add up to all cycles."""
    idle = {way: seen["cycles"] - sum(seen[f"{way}_{what}"] for what in ("beats", "stall", "wait")) for way in "rw"}
    return {
        **{f"stall_{name}_not_ready": seen[f"{name}_stall"] for name in CHANNELS},
        "stall_r_memory_latency": seen["r_wait"], "stall_r_nothing_asked": max(idle["r"], 0),
        "stall_w_data_late": seen["w_wait"], "stall_w_nothing_sent": max(idle["w"], 0),
        "stall_h2c_user": seen["h2c_stall"], "stall_c2h_core": seen["c2h_stall"],
    }  # fmt: skip


def _waits(point: Point, seen: dict[str, int]) -> dict[str, int]:
    """What the latency of the one request is made of, cycles. Completion of C2H counts from memory's last response."""
    first, last = ("at_first_ar", "at_last_r") if point.direction == "h2c" else ("at_first_aw", "at_last_b")
    spans = {"doorbell_to_data": ("at_doorbell", first), "data_to_completion": (last, "at_record_aw"),
             "completion_to_interrupt": ("at_record_b", "at_vector")}  # fmt: skip
    if point.direction == "c2h":
        spans["last_write_to_completion"] = ("at_last_w", "at_record_aw")
    return {name: (seen[end] - seen[begin]) % COUNT for name, (begin, end) in spans.items()}
