"""A file through the device and back: cut at random, scattered over memory, hundreds of requests in flight."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sgdma.engine.device import Dma
from sgdma.errors import RequestError
from sgdma.spec.status import Port

__all__ = ["LoopbackResult", "run_loopback"]

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
MOST_PIECES = 4


@dataclass(frozen=True)
class LoopbackResult:
    """What came back. ``in_flight``: most requests mapped at one time; ``cycles``: of the device."""

    sent_sha256: str
    received_sha256: str
    requests: int
    in_flight: int
    cycles: int

    @property
    def same(self) -> bool:
        """Whether it is what was sent."""
        return self.sent_sha256 == self.received_sha256


def run_loopback(
    dma: Dma, data: bytes, *, seed: int, in_flight: int = 256, progress: Callable[[int], object] = lambda done: None
) -> LoopbackResult:
    """Send `data` to the loopback port and read it back, with `in_flight` requests mapped at a time.

    Requests are up to 2 KiB, of up to four pieces each, at any address; `seed` decides. `progress` hears how many bytes
    are back. Raises what the transfers raise.
    """
    if in_flight < 2:
        raise RequestError(f"in_flight = {in_flight}: must be at least 2, one each way")
    random, start = np.random.default_rng(seed), dma.now()
    source = np.frombuffer(data, np.uint8)
    sizes = _sizes(dma, random, len(source))
    received = hashlib.sha256()
    most, done = 0, 0
    for group in np.split(sizes, range(in_flight // 2, len(sizes), in_flight // 2)) if len(sizes) else ():
        part = source[done : done + int(group.sum())]
        padded = np.zeros(int(_padded(dma, group).sum()), np.uint8)
        back, mapped = _exchange(dma, random, part, group, padded)
        most = max(most, mapped)
        received.update(back.tobytes())
        done += len(part)
        progress(done)
    sent = hashlib.sha256(data).hexdigest()
    return LoopbackResult(sent, received.hexdigest(), 2 * len(sizes), most, dma.now() - start)


def _step(dma: Dma) -> int:
    """What every request's length is a multiple of, by the rules of both directions."""
    sides = (dma.rules.h2c, dma.rules.c2h)
    return max(max(side.total_align, side.tail_align) for side in sides)


def _padded(dma: Dma, sizes: I64) -> I64:
    step = _step(dma)
    least = max(dma.rules.h2c.min_segment_size, dma.rules.c2h.min_segment_size, step)
    return np.maximum((sizes + step - 1) // step * step, -(-least // step) * step)


def _sizes(dma: Dma, random: np.random.Generator, total: int) -> I64:
    """Random request sizes that add up to `total`."""
    most = max(_step(dma), min(2048, dma.rules.h2c.max_request_size, dma.rules.c2h.max_request_size))
    sizes = random.integers(1, most + 1, 2 * total // most + 64)
    while int(sizes.sum()) < total:
        sizes = np.concatenate((sizes, random.integers(1, most + 1, total // most + 1)))
    ends = np.minimum(np.cumsum(sizes), total)
    kept = np.diff(ends, prepend=0)
    return kept[kept > 0]


def _exchange(
    dma: Dma, random: np.random.Generator, part: U8, sizes: I64, padded: U8
) -> tuple[U8, int]:
    """One group of requests there and back, mapped before the first doorbell; the bytes, and how many were mapped."""
    lengths = _padded(dma, sizes)
    places = np.cumsum(lengths) - lengths
    for start, size, offset in zip(places.tolist(), sizes.tolist(), (np.cumsum(sizes) - sizes).tolist(), strict=True):
        padded[start : start + size] = part[offset : offset + size]
    area = len(padded) + 64 * MOST_PIECES * len(sizes)
    there, back = dma.buffer(area, 64), dma.buffer(area, 64)
    ranges, offsets = _scatter(random, lengths)
    stream = np.repeat(ranges[:, 0] - (np.cumsum(ranges[:, 1]) - ranges[:, 1]), ranges[:, 1]) + np.arange(len(padded))
    there.array[stream] = padded
    # On one queue pair a write that waits for room would hold up the read that makes it: they must alternate.
    step = len(sizes) if len(dma.queues) > 1 else 1
    with dma.batch():
        batches = [
            submit(buffer.iova + ranges[bounds[0] : bounds[-1], 0], ranges[bounds[0] : bounds[-1], 1],
                   bounds - bounds[0], port=Port.LOOPBACK)
            for bounds in (offsets[first : first + step + 1] for first in range(0, len(sizes), step))
            for submit, buffer in ((dma.write_batch, there), (dma.read_batch, back))
        ]  # fmt: skip
        mapped = len(dma.contexts.state) - dma.contexts.free
    for batch in batches:
        batch.result()
    whole = back.array[stream]
    kept = np.repeat(places - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))
    dma.free(there)
    dma.free(back)
    return whole[kept], mapped


def _scatter(random: np.random.Generator, lengths: I64) -> tuple[I64, I64]:
    """Pieces (place in a buffer, length) of all requests, (n, 2), up to four each at any address; and their offsets."""
    ranges: list[tuple[int, int]] = []
    counts, cursor = [], 0
    for length in lengths.tolist():
        count = min(int(random.integers(1, MOST_PIECES + 1)), length)
        cuts = (np.sort(random.choice(length - 1, count - 1, replace=False)) + 1).tolist() if count > 1 else []
        for low, high in zip([0, *cuts], [*cuts, length], strict=True):
            cursor += int(random.integers(0, 64))
            ranges.append((cursor, high - low))
            cursor += high - low
        counts.append(count)
    return np.array(ranges, np.int64), np.concatenate(([0], np.cumsum(counts)))
