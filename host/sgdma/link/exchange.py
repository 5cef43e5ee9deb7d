"""Requests over the reliable link: which are on the way, which were lost, which must go again.

The line keeps order and the board answers every frame that it takes, in order, with the frame's own tag. So an answer
tells that everything sent before it and not answered is lost, and that alone goes again. A GAP says that a frame came
before one that was lost; BROKEN, that the oldest on the way may be; and a line that stays quiet, that all are.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

from sgdma.errors import BoardReset, LinkError
from sgdma.link.contract import Quality
from sgdma.link.frames import HEAD_BYTES, Frame, Parser, answer_body_bytes, encode
from sgdma.link.port import Port
from sgdma.spec.link import ANSWER, BLOCK_WORDS, DRY, FAULT, WINDOW, Kind

__all__ = ["Exchange", "Request", "Silence"]

TAGS = 256
SLACK = 0.03
"""Seconds beyond turn-around and time on the wire after which a line counts as quiet: more than the board's gap."""
SPELLS = 1
"""Times that all on the way is sent again before the line counts as silent."""
MOST_WRITES = 64
"""Writes that can be acknowledged at once: more than are ever on the way, less than half of all numbers."""
LONGEST = 1.0
"""Seconds of quiet at most before all goes again."""


class Silence(Exception):
    """The line stays quiet although all was sent again."""


@dataclass(eq=False)
class Request:
    """One frame to be answered. `order`: place among all requests; `tags` it went under last."""

    kind: int
    seq: int
    count: int
    address: int
    body: bytes = b""
    order: int = 0
    waiting: bool = False
    done: bool = False
    answer: Frame | None = None

    @property
    def is_write(self) -> bool:
        """Whether the board executes it once, in its turn."""
        return self.kind & ~DRY == Kind.WRITE

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes on the wire of request and answer."""
        back = answer_body_bytes(Frame(self.kind, 0, 0, self.count, 0))
        return HEAD_BYTES + len(self.body) + 4 * bool(self.body), HEAD_BYTES + back + 4 * bool(back)


class Exchange:
    """Sends requests in order, as many ahead as cover the turn-around, until each has its answer.

    `limit`: seconds in which some request must be answered, else LinkError. `fault` is the status word of a write that
    the bus refused, 0 without.
    """

    def __init__(self, port: Port, quality: Quality, limit: float) -> None:
        self.port, self.quality, self.limit = port, quality, limit
        self.parser = Parser(answer_body_bytes)
        self.window, self.turn_around, self.fault = WINDOW - 1, 0.02, 0
        self.word_time = 2e-5  # seconds that a CHECK takes for a word, until one was timed
        self.seq = 0
        self.heard = self._progress = self._event = 0.0
        self._orders = self._tag = self._quiet = 0
        self._queue: list[tuple[int, Request]] = []
        self._flight: dict[int, tuple[Request, float]] = {}
        self._recent: dict[int, Request] = {}
        self._writes: list[Request] = []

    @property
    def idle(self) -> bool:
        """Nothing waits to be sent or answered."""
        return not self._queue and not self._flight

    def begin(self, seq: int, window: int) -> None:
        """A new session: the board expects `seq` next."""
        self.seq, self.window, self.fault = seq, max(window - 1, 1), 0
        self._queue.clear()
        self._flight.clear()
        self._recent.clear()
        self._writes.clear()

    def request(self, kind: int, address: int = 0, count: int = 0, body: bytes = b"") -> Request:
        """Line up a request; it is sent by `work`."""
        made = Request(kind, self.seq, count, address, body, self._orders)
        self._orders += 1
        if made.is_write:
            self.seq = self.seq + 1 & 0xFF
            self._writes.append(made)
        self._enqueue(made)
        return made

    def once(self, request: Request, limit: float) -> bool:
        """Send a request, and what was before it; whether it is answered within `limit` seconds. No repetitions."""
        end = time.monotonic() + limit
        while not request.done and (left := end - time.monotonic()) > 0:
            self._send()
            self._step(left)
        return request.done

    def work(self, done: Callable[[], bool]) -> None:
        """Send and receive until `done()`. Raises LinkError, BoardReset; Silence when all went twice and nothing came.

        The limit counts from the last answer or `restart`.
        """
        self._event = time.monotonic()
        while True:
            self._send()
            if done():
                return
            more = bool(self._queue) and self._room(self._queue[0][1])
            if self._step(0.0 if more else self._event + self._patience() - time.monotonic()):
                self._event = time.monotonic()
            elif time.monotonic() >= self._event + self._patience():
                self._give_up()
            if time.monotonic() > self._progress + self.limit:
                raise LinkError(f"{self.port.name}: no request was answered within {self.limit:g} s at "
                                f"{self.port.baud} baud; check cable, baud rate and power of the board")  # fmt: skip

    def restart(self) -> None:
        """A new operation: its time counts from now."""
        self._progress, self._quiet = time.monotonic(), 0

    def sent_all(self) -> bool:
        """Everything is on its way."""
        return not self._queue

    def ping(self, limit: float) -> bool:
        """Whether the board answers anything within `limit` seconds."""
        request = Request(Kind.READ | DRY, self._writes[0].seq if self._writes else self.seq, 1, 0, done=True)
        begin = time.monotonic()
        self.port.send(self._encoded(request))
        while (left := begin + limit - time.monotonic()) > 0:
            self._step(left)
            if self.heard >= begin:
                return True
        for frame in self.parser.give_up():
            self._take(frame)
        return self.heard >= begin

    def abandon(self) -> None:
        """Nobody waits for reads any more; writes stay owed, in their order."""
        for request in [request for _, request in self._queue] + [request for request, _ in self._flight.values()]:
            request.done = request.done or not request.is_write
        self.again()

    def again(self) -> None:
        """Everything on the way is lost: send it again."""
        lost = [request for request, _ in self._flight.values()]
        self._flight.clear()
        self._repeat(lost)
        self._event, self._quiet = time.monotonic(), 0

    # Towards the board.

    def _send(self) -> None:
        data = bytearray()
        while self._queue and len(data) < 4096 and self._room(self._queue[0][1]):
            request = heapq.heappop(self._queue)[1]
            request.waiting = False
            if not request.done:
                data += self._encoded(request)
        if data:
            self.port.send(bytes(data))
            self._event = time.monotonic()

    def _room(self, request: Request) -> bool:
        """Whether one more may be on its way: no more than the line holds in a turn-around, and two blocks."""
        if not self._flight:
            return True
        ahead = self._bytes_ahead() + max(request.sizes)
        enough = (self.turn_around + SLACK) * self.port.baud / 10 + 8 * BLOCK_WORDS
        return len(self._flight) < self.window and ahead <= enough

    def _bytes_ahead(self) -> int:
        sizes = [request.sizes for request, _ in self._flight.values()]
        return max(sum(out for out, _ in sizes), sum(back for _, back in sizes))

    def _encoded(self, request: Request) -> bytes:
        self._tag = (self._tag + 1) % TAGS
        self._recent[self._tag] = request
        if not request.done:
            self._flight[self._tag] = request, time.monotonic()
        self.quality.frames += 1
        return encode(Frame(request.kind, request.seq, self._tag, request.count, request.address, request.body))

    def _enqueue(self, request: Request) -> None:
        if not request.waiting and not request.done:
            request.waiting = True
            heapq.heappush(self._queue, (request.order, request))

    def _repeat(self, lost: list[Request]) -> None:
        for request in lost:
            if not request.done and not request.waiting:
                self.quality.retransmissions += 1
                self._enqueue(request)

    # From the board.

    def _step(self, limit: float) -> bool:
        data = self.port.receive(limit)
        for frame in self.parser.feed(data):
            self._take(frame)
        self.quality.checksum_errors, self.quality.garbage = self.parser.errors, self.parser.garbage
        return bool(data)

    def _take(self, frame: Frame) -> None:
        kind = frame.kind & ~ANSWER
        request = self._recent.get(frame.tag)
        if not frame.kind & ANSWER or (request is None and kind != Kind.BROKEN):
            return
        self.heard = time.monotonic()
        self.quality.refused += kind in (Kind.BROKEN, Kind.GAP)
        if kind == Kind.BROKEN:
            self._lose(next(iter(self._flight), None))
        elif kind == Kind.LOST:
            raise BoardReset(f"{self.port.name}: the board was reset in mid-session; what was written before is gone "
                             "and what was on its way was not done; open the target anew")  # fmt: skip
        elif request is not None:
            self._settle(request, frame, kind)

    def _settle(self, request: Request, frame: Frame, kind: int) -> None:
        """An answer to `request`: what came before it on the line is lost."""
        if frame.tag in self._flight:
            self._time(self.heard - self._flight[frame.tag][1], request)
            sent = list(self._flight)
            lost = sent[: sent.index(frame.tag)]
        else:
            lost = []
        missing = [self._flight.pop(tag)[0] for tag in lost]
        self._flight.pop(frame.tag, None)
        if request.is_write and kind in (request.kind, Kind.AGAIN):
            self._acknowledge(frame.seq)
            self.fault = self.fault or (frame.address if frame.address & FAULT else 0)
        elif kind == request.kind and (frame.count, frame.address) == (request.count, request.address):
            if not request.done:
                self._finish(request, frame)
        else:
            missing.append(request)
        self._repeat(missing)

    def _acknowledge(self, expected: int) -> None:
        """The board has executed all writes before `expected`."""
        ahead = expected - (self._writes[0].seq if self._writes else self.seq) & 0xFF
        if ahead <= min(len(self._writes), MOST_WRITES):
            for request in self._writes[:ahead]:
                self._finish(request, None)
            del self._writes[:ahead]

    def _finish(self, request: Request, answer: Frame | None) -> None:
        request.done, request.answer = True, answer
        self._progress, self._quiet = time.monotonic(), 0

    def _time(self, seconds: float, request: Request) -> None:
        """Learn the turn-around from an answer: what of it was neither request nor answer on the wire."""
        wire = sum(request.sizes) * 10 / self.port.baud
        own = max(seconds - wire, 0.0001)
        best = self.quality.turn_around
        self.quality.turn_around = min(best, seconds) if best else seconds
        self.turn_around += (min(own, 0.5) - self.turn_around) * (0.1 if own < self.turn_around else 0.05)

    def _lose(self, tag: int | None) -> None:
        if tag is not None:
            self._repeat([self._flight.pop(tag)[0]])

    # Quiet.

    def _patience(self) -> float:
        """Seconds without a byte after which what is on its way is lost."""
        wire = (self._bytes_ahead() + 2 * HEAD_BYTES) * 10 / self.port.baud
        summed = sum(request.count for request, _ in self._flight.values() if request.kind == Kind.CHECK)
        own = 3 * (self.turn_around + self.word_time * summed)
        return min((2 * wire + own + SLACK) * (1 << self._quiet), LONGEST + wire + own)

    def _give_up(self) -> None:
        for frame in self.parser.give_up():
            self._take(frame)
        if not self._flight:
            return
        if self._quiet >= SPELLS:
            raise Silence
        quiet = self._quiet
        self.again()
        self._quiet = quiet + 1
