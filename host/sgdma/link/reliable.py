"""The reliable link from the host's side: nothing is lost, doubled or damaged without being noticed and done again."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sgdma.errors import BoardReset, BusError, LinkError, PortGone
from sgdma.link.checksums import combined
from sgdma.link.contract import Link, Quality
from sgdma.link.exchange import Exchange, Request, Silence
from sgdma.link.port import Port
from sgdma.link.rates import RATES, Board, find, try_rate
from sgdma.spec.link import FAULT, Kind

__all__ = ["ReliableLink"]

U32 = npt.NDArray[np.uint32]
CHECK_WORDS = 32_768
"""Words of one CHECK at most; fewer, when they would take longer than `CHECK_TIME` seconds."""
CHECK_TIME = 0.1
TIMED = 1024
"""Words from which on a CHECK tells how long one takes."""
READ_WORDS = 512
"""Words of one READ: it is streamed, so that nothing bounds it but what goes again when a byte is lost."""
JUDGED = 64
"""Frames after which a rate is judged."""
BAD = 0.1
"""Share of frames that had to be sent again from which on the rate is too high."""
LOWEST = 115_200
TRIES = 3
"""Times that a rate is tried that was asked for by name."""


class ReliableLink(Link):
    """A session with `board` on `port`. `agree`: whether the baud rate is the link's to choose, up to `fastest`.

    An operation fails with LinkError when no request was answered for `timeout` seconds, whatever was tried meanwhile:
    sending again, other rates, opening the port anew. Writes that were not confirmed then are still owed, and go first
    when the link is used again; a board that was reset meanwhile says so, and BoardReset ends the session.
    """

    def __init__(self, port: Port, board: Board, timeout: float, agree: bool, fastest: int) -> None:
        self._port, self._board, self._agree = port, board, agree
        self._quality = Quality("reliable")
        self._exchange = Exchange(port, self._quality, timeout)
        self._exchange.begin(board.seq, board.window)
        self._dead: BoardReset | None = None
        self._closed = False
        self._judged, self._again = (0, 0), 0
        self._upper = port.baud
        if port.has_rate:
            self._go_up(min(fastest, board.fastest))

    def read(self, address: int, count: int) -> U32:
        self._begin()
        block = self._block(READ_WORDS)
        asked = [self._exchange.request(Kind.READ, address + 4 * place, min(block, count - place))
                 for place in range(0, count, block)]  # fmt: skip
        self._work(lambda: not asked or (asked[-1].done and all(request.done for request in asked)))
        body = b"".join(self._body(request)[:-4] for request in asked)
        self._raise_fault()
        return np.frombuffer(body, "<u4").astype(np.uint32)

    def write(self, address: int, values: npt.ArrayLike) -> None:
        self._begin()
        words = np.ascontiguousarray(values, dtype="<u4").reshape(-1)
        block = self._block(self._board.block)
        for place in range(0, len(words), block):
            part = words[place : place + block]
            self._exchange.request(Kind.WRITE, address + 4 * place, len(part), part.tobytes())
        self._work(self._exchange.sent_all)
        self._raise_fault()

    def flush(self) -> None:
        self._begin()
        self._work(lambda: self._exchange.idle)
        self._raise_fault()

    def checksum(self, address: int, words: int) -> int:
        total = done = 0
        while done < words:
            size = min(words - done, CHECK_WORDS, max(int(CHECK_TIME / self._exchange.word_time), 1))
            total = combined(total, self._check(address + 4 * done, size), 4 * size)
            done += size
        return total

    def _check(self, address: int, words: int) -> int:
        """CRC32C of a part that the board sums at once; how long it takes for a word is learned by the way."""
        self._begin()
        begin = time.monotonic()
        asked = self._exchange.request(Kind.CHECK, address, words)
        self._work(lambda: asked.done)
        body = self._body(asked)
        self._raise_fault()
        taken = time.monotonic() - begin - self._exchange.turn_around
        self._exchange.word_time = max(taken / words, 1e-7) if words >= TIMED else self._exchange.word_time
        return int.from_bytes(body[:4], "little")

    def quality(self) -> Quality:
        return dataclasses.replace(self._quality, baud=self._port.baud)

    def close(self) -> None:
        """Raises LinkError when the last writes are not confirmed, BusError when one was refused."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._dead is None and not self._exchange.idle:
                self._exchange.restart()
                self._work(lambda: self._exchange.idle)
                self._raise_fault()
        finally:
            self._port.close()

    # Work, and what it does when the line does not.

    def _begin(self) -> None:
        if self._dead is not None:
            raise self._dead
        self._exchange.restart()
        if self._exchange.idle:
            if self._agree:
                self._judge()
            if self._port.has_rate and self._port.baud < self._upper:
                self._go_up(self._upper)

    def _work(self, done: Callable[[], bool]) -> None:
        try:
            self._persist(done)
        except BoardReset as error:
            self._dead = error
            raise
        except LinkError:
            self._exchange.abandon()
            raise

    def _persist(self, done: Callable[[], bool]) -> None:
        exchange = self._exchange
        while True:
            try:
                exchange.work(done)
                return
            except (Silence, PortGone) as error:
                self._find(isinstance(error, PortGone))

    def _find(self, gone: bool) -> None:
        """Bring the line back: the port, the rate. Raises LinkError when that takes longer than the limit."""
        self._quality.resynchronisations += 1
        end = time.monotonic() + self._exchange.limit
        if gone:
            self._port.reopen(end)
        rates = [self._port.baud, self._board.base, *(RATES if self._port.has_rate else ())]
        find(self._exchange, rates, end)

    def _block(self, most: int) -> int:
        """Words of a frame: fewer while frames have to go again."""
        again, self._again = self._again, self._quality.retransmissions
        return most if again == self._again else most // 4

    def _body(self, request: Request) -> bytes:
        """The answer's words; BusError when its status says so."""
        body = request.answer.body if request.answer else b""
        status = int.from_bytes(body[-4:], "little")
        if status & FAULT:
            raise self._bus_error(status, write=False)
        return body

    def _raise_fault(self) -> None:
        """A write that the bus refused: forget it on the board, then raise it."""
        status = self._exchange.fault
        if status:
            forget = self._exchange.request(Kind.WRITE)
            self._work(lambda: forget.done)
            self._exchange.fault = 0
            raise self._bus_error(status, write=True)

    def _bus_error(self, status: int, write: bool) -> BusError:
        way = "writing" if write else "reading"
        address = status & ~3
        remedy = "is anything at that address? (csr_base, memory_base)"
        return BusError(f"{self._port.name}: the board's bus refused {way} at {address:#x}; {remedy}", address, write)

    # The rate.

    def _judge(self) -> None:
        """Leave a rate at which too much goes twice."""
        frames, again = self._judged
        frames, again = self._quality.frames - frames, self._quality.retransmissions - again
        fallen = self._port.baud < self._upper
        if frames < JUDGED and not fallen:
            return
        if again > BAD * frames and self._upper > LOWEST:
            self._go_up(next((rate for rate in RATES if rate < self._upper), LOWEST))
        self._judged = self._quality.frames, self._quality.retransmissions

    def _go_up(self, highest: int) -> None:
        """To the fastest rate that holds, from `highest` down, which is what the session is kept at from now on."""
        for rate in dict.fromkeys((highest, *(rate for rate in RATES if rate < highest))):
            tries = 1 if self._agree else TRIES
            if any(rate == self._port.baud or try_rate(self._exchange, self._board, rate) for _ in range(tries)):
                break
            if not self._agree:
                break
        self._upper = self._port.baud
        self._judged = self._quality.frames, self._quality.retransmissions
