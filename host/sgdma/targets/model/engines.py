"""The two data engines and the front end that feeds them: agents with clocks of their own, stepped in order of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Protocol

import google_crc32c
import numpy as np
import numpy.typing as npt

from sgdma.spec.status import NO_SEGMENT, Port, Status
from sgdma.targets.model.checker import Request
from sgdma.targets.model.fixture import Fixture
from sgdma.targets.model.memory import HostMemory, ModelFaults

__all__ = ["Agent", "C2hEngine", "Engine", "H2cEngine", "Owner"]

U8 = npt.NDArray[np.uint8]
CHUNK = 16384
REQUESTS = 16
"""Requests that an engine holds, as the RTL's start FIFO."""


class Owner(Protocol):
    """What an engine needs of the device."""

    memory: HostMemory
    fixture: Fixture
    faults: ModelFaults
    random: Random
    jitter: int
    crc: bool

    def aborting(self, queue: int) -> bool: ...

    def stir(self, time: int) -> None: ...

    def complete(self, request: Request, status: int, segment: int, moved: int, crc: int, time: int) -> None: ...


class Agent:
    """Something that does one step at a time; blocked until something else moves when it can't."""

    def __init__(self) -> None:
        self.time, self.blocked = 0, False

    def step(self) -> bool:
        """Do the next thing and advance ``time`` by what it cost; False when there is nothing to do at present."""
        raise NotImplementedError


class Engine(Agent):
    """One direction: requests in order of acceptance, one after the other."""

    write = False

    def __init__(self, owner: Owner, list_slots: int) -> None:
        super().__init__()
        self.owner, self.list_slots = owner, list_slots
        self.requests: deque[Request] = deque()
        self.held = 0  # segments in the list buffer

    def has_room(self, segments: int) -> bool:
        """Whether a request of so many segments can be accepted."""
        return len(self.requests) < REQUESTS and self.held + segments <= self.list_slots

    def push(self, request: Request, time: int) -> None:
        """Accept a good request at `time`."""
        if not self.requests:
            self.time = max(self.time, time)
        self.blocked = False
        self.held += len(request.addresses)
        self.requests.append(request)

    def clear(self) -> None:
        """Function-level reset."""
        self.requests.clear()
        self.held = 0

    def step(self) -> bool:
        if not self.requests:
            return False
        request = self.requests[0]
        over = request.stream_error or request.position == request.total
        if self.owner.aborting(request.queue) and not over:
            return self._cut_short(request)
        if not request.begun:
            request.begun = True
            request.bad = self.owner.memory.bad_bursts(request.addresses, request.lengths, self.write)
            jitter = self.owner.jitter + self.owner.faults.jitter
            # Only a run-up shows: the next request's accesses overlap with this one's data.
            self.time += 4 + (self.owner.random.randrange(jitter + 1) if jitter else 0)
        if not over:
            return self._move(request)
        self._finish(request)
        return True

    def _move(self, request: Request) -> bool:
        raise NotImplementedError

    def _cut_short(self, request: Request) -> bool:
        raise NotImplementedError

    def _finish(self, request: Request) -> None:
        if request.bad and request.bad[0][0] < request.position:
            self._done(request, Status.BUS_ERROR, request.bad[0][2], request.bad[0][0])
        elif request.stream_error:
            self._done(request, Status.STREAM_ERROR, NO_SEGMENT, self.whole_bursts(request))
        else:
            self._done(request, Status.OK, NO_SEGMENT, request.total)

    def _aborted(self, request: Request) -> None:
        if request.bad and request.bad[0][1] <= request.position:
            self._done(request, Status.BUS_ERROR, request.bad[0][2], request.bad[0][0])
        else:
            self._done(request, Status.ABORTED, NO_SEGMENT, self.whole_bursts(request))

    def _done(self, request: Request, status: int, segment: int, moved: int) -> None:
        self.requests.popleft()
        self.held -= len(request.addresses)
        crc = request.crc if self.owner.crc and status == Status.OK else 0
        self.owner.complete(request, status, segment, moved, crc, self.time)

    def whole_bursts(self, request: Request) -> int:
        """The stream position rounded down to the last burst that was made."""
        stream, burst = 0, self.owner.memory.burst_bytes
        for address, length in zip(request.addresses, request.lengths, strict=True):
            if request.position < stream + length:
                end = (address + request.position - stream) // burst * burst
                return max(end - address, 0) + stream
            stream += length
        return stream

    def pieces(self, request: Request, low: int, high: int) -> Iterator[tuple[int, int]]:
        """(address, size) of the stream's bytes low..high; `low` never goes back."""
        segment, stream = request.cursor
        while low < high:
            length = request.lengths[segment]
            if low >= stream + length:
                segment, stream = segment + 1, stream + length
                continue
            size = min(high, stream + length) - low
            yield request.addresses[segment] + low - stream, size
            low += size
        request.cursor = (segment, stream)


class H2cEngine(Engine):
    """Reads host memory and delivers packets to the fixture."""

    def _move(self, request: Request) -> bool:
        fixture = self.owner.fixture
        room = fixture.room(request.port)
        low, size = request.position, min(request.total - request.position, CHUNK, room)
        if low + size < request.total:
            size -= size % fixture.beat
        if size <= 0:
            return False
        data, high = self._gather(request, low, low + size), low + size
        broken = bool(request.bad) and high == request.total
        fixture.accept(request.port, request.card + low if request.port != Port.LOOPBACK else 0, data, low == 0,
                       high == request.total, broken)  # fmt: skip
        request.crc = google_crc32c.extend(request.crc, data)
        request.position = high
        fixture.stamp("at_first_ar", self.time)
        self.time += fixture.beats(size)
        fixture.stamp("at_last_r", self.time)
        fixture.counters["r_beats"] += fixture.beats(size)
        if request.port == Port.LOOPBACK:
            self.owner.stir(self.time)
        fixture.counters["ar_count"] += -(-size // self.owner.memory.burst_bytes)
        return True

    def _gather(self, request: Request, low: int, high: int) -> U8:
        memory = self.owner.memory
        if not request.bad:
            parts = [memory.view(address, size) for address, size in self.pieces(request, low, high)]
            return parts[0].copy() if len(parts) == 1 else np.concatenate(parts)
        data, done = np.zeros(high - low, np.uint8), 0
        for address, size in self.pieces(request, low, high):
            for start, end in _good(request.bad, low + done, low + done + size):
                data[start - low : end - low] = memory.view(address + start - low - done, end - start)
            done += size
        return data

    def _cut_short(self, request: Request) -> bool:
        """User logic that knows of the packet must take its last, broken beat first."""
        fixture = self.owner.fixture
        if request.begun:
            if fixture.room(request.port) < fixture.beat:
                return False
            fixture.accept(request.port, request.card, np.zeros(0, np.uint8), request.position == 0, True, True)
            self.owner.stir(self.time)
        self._aborted(request)
        return True


class C2hEngine(Engine):
    """Takes packets from the fixture and writes host memory, whole bursts only."""

    write = True

    def __init__(self, owner: Owner, list_slots: int) -> None:
        super().__init__(owner, list_slots)
        self._staged: list[U8] = []
        self._written = 0  # stream position behind what memory holds

    def clear(self) -> None:
        super().clear()
        self._staged, self._written = [], 0

    def _move(self, request: Request) -> bool:
        fixture, low = self.owner.fixture, request.position
        part = fixture.deliver(request.port, request.card, low, request.total, min(request.total - low, CHUNK))
        if part is None:
            return False
        data, last, error = part
        request.crc = google_crc32c.extend(request.crc, np.ascontiguousarray(data))
        request.position = low + len(data)
        self._staged.append(data)
        whole = request.position == request.total
        self._write(request, request.total if whole else self.whole_bursts(request))
        request.stream_error = error or last != whole
        if whole and not last:
            fixture.drop()
        fixture.stamp("at_first_aw", self.time)
        self.time += max(1, fixture.beats(len(data)))
        for name in ("at_last_w", "at_last_b"):
            fixture.stamp(name, self.time)
        fixture.counters["w_beats"] += fixture.beats(len(data))
        if request.port == Port.LOOPBACK:
            self.owner.stir(self.time)
        for name in ("aw_count", "b_count"):
            fixture.counters[name] += -(-len(data) // self.owner.memory.burst_bytes)
        return True

    def _write(self, request: Request, high: int) -> None:
        low, memory = self._written, self.owner.memory
        if high <= low:
            return
        data = self._staged[0] if len(self._staged) == 1 else np.concatenate(self._staged)
        self._staged, self._written = [data[high - low :]] if high - low < len(data) else [], high
        done = low
        for address, size in self.pieces(request, low, high):
            for start, end in _good(request.bad, done, done + size):
                memory.view(address + start - done, end - start)[:] = data[start - low : end - low]
            done += size

    def _cut_short(self, request: Request) -> bool:
        if request.position and request.port == Port.LOOPBACK:
            self.owner.fixture.drop()
            self.owner.stir(self.time)
        self._aborted(request)
        return True

    def _done(self, request: Request, status: int, segment: int, moved: int) -> None:
        self._staged, self._written = [], 0
        super()._done(request, status, segment, moved)


def _good(bad: list[tuple[int, int, int]], low: int, high: int) -> Iterator[tuple[int, int]]:
    """The parts of low..high outside all `bad` bursts, which are in order."""
    for start, end, _ in bad:
        if end <= low:
            continue
        if start >= high:
            break
        if start > low:
            yield low, start
        low = end
    if low < high:
        yield low, high
