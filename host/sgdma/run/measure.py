"""Throughput over segment size: what the device moves a cycle, and what no device on its bus could exceed."""

from __future__ import annotations

from typing import Any

import numpy as np

from sgdma.engine.device import Dma
from sgdma.rules import Direction, DirectionRules
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.spec.status import Port

__all__ = ["SEGMENTS", "SIZES", "allowed", "bus_limit", "measure"]

SIZES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
SEGMENTS = 16
BEATS = 16384
"""Of payload for one figure, at least: beside them the way from doorbell to first data is little."""


def measure(dma: Dma, sizes: tuple[int, ...] = SIZES, segments: int = SEGMENTS) -> list[dict[str, Any]]:
    """One row a direction and size, of requests of `segments` scattered segments each, all direct.

    Cycles are those from the doorbell of a batch to its last completion, by the device's own clock, so that all its
    descriptors are fetched within them. A size that the rules forbid, or would bounce, has no row.
    """
    rows = []
    for direction in Direction:
        for size in sizes:
            row = _measured(dma, direction, size, segments)
            if row:
                rows.append({"target": dma.target.url, "rules": dma.rules.name} | row)
    return rows


def bus_limit(beat: int, size: int, segments: int, residue: int, direction: Direction) -> float:
    """Bytes a cycle that no device can exceed: `beat` bytes a cycle on each of the two data channels.

    The read channel carries the descriptors, the write channel the completions, and one of them the payload, in whole
    beats from wherever segments start (`residue` bytes into a beat).
    """
    payload = segments * -(-(residue % beat + size) // beat)
    descriptors, completion = (segments + 1) * SLOT_BYTES / beat, max(1.0, COMPLETION_BYTES / beat)
    reads, writes = (payload, 0) if direction is Direction.H2C else (0, payload)
    return segments * size / max(reads + descriptors, writes + completion)


def _measured(dma: Dma, direction: Direction, size: int, segments: int) -> dict[str, Any] | None:
    side = dma.rules.direction(direction)
    if not allowed(side, size, segments):
        return None
    requests = max(8, BEATS * (dma.identity.data_width // 8) // (size * segments))
    stride = 1 << (size + side.skew_residue).bit_length()
    buffer = dma.buffer(stride * segments, stride)
    try:
        addresses = buffer.iova + side.skew_residue + stride * np.tile(np.arange(segments), requests)
        lengths = np.full(len(addresses), size)
        bounds = np.arange(requests + 1) * segments
        with dma.batch():
            batch = dma.submit_batch(direction, addresses, lengths, bounds, port=Port.MEMORY)
            begin = dma.registers.read64("time")
        end = int(batch.result()["timestamp"][-1])
    finally:
        dma.wait_all()
        dma.free(buffer)
    if batch.bounced.any() or len(batch.lengths) != len(lengths):
        return None
    return _row(dma, direction, size, segments, requests, end - begin)


def allowed(side: DirectionRules, size: int, segments: int) -> bool:
    """Whether a request of `segments` segments of `size` bytes keeps all rules that do not look at addresses."""
    total = size * segments
    return (
        side.min_segment_size <= size <= min(side.max_segment_size, side.max_last_segment or size)
        and segments <= side.max_segments and total <= side.max_request_size
        and size % side.length_align == 0 and total % side.total_align == 0
    )  # fmt: skip


def _row(dma: Dma, direction: Direction, size: int, segments: int, requests: int, cycles: int) -> dict[str, Any]:
    beat = dma.identity.data_width // 8
    counted = segments * requests
    rate = counted * size / max(cycles, 1)
    limit = bus_limit(beat, size, segments, dma.rules.direction(direction).skew_residue, direction)
    return {
        "direction": direction.name, "segment_size": size, "segments": segments, "requests": requests,
        "cycles": cycles, "cycles_per_segment": round(cycles / counted, 3), "bytes_per_cycle": round(rate, 4),
        "limit": round(limit, 4), "bus": beat, "utilisation": round(rate / limit, 4),
        "gigabytes_per_second": round(rate * dma.identity.clock_hz / 1e9, 4),
    }  # fmt: skip
