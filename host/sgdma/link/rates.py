"""The session's beginning and its baud rate: finding the board, agreeing on a rate, leaving one that is bad."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass

import numpy as np

from sgdma.errors import LinkError
from sgdma.link.exchange import Exchange, Silence
from sgdma.link.frames import Parser, answer_body_bytes, hello
from sgdma.link.port import Port
from sgdma.spec.link import ANSWER, BLOCK_WORDS, DRY, VERSION, Kind, pattern

__all__ = ["BASE_BAUD", "RATES", "Board", "find", "greet", "try_rate"]

BASE_BAUD = 115_200
"""Rate of a board after reset, unless its gateware says otherwise."""
RATES = (3_000_000, 2_000_000, 1_500_000, 1_000_000, 921_600, 460_800, 230_400, 115_200)
"""Rates that are tried, fastest first."""
ANSWER_LIMIT = 0.08
"""Seconds for an answer to a HELLO or a ping, beyond its time on the wire."""
FALL_BACK = 0.3
"""Seconds of quiet after which a board that heard nothing good is back at its first rate."""
LIKELY_TURNS = 2
"""Rounds of pings at likely rates only."""
TEST_FRAMES = 4
"""Blocks each way that a new rate must carry without a mistake."""


@dataclass(frozen=True)
class Board:
    """What a board tells of itself. Rates in baud; `seq`: what it expects; `fresh`: reset since the last session."""

    window: int
    block: int
    clock_hz: int
    fastest: int
    base: int
    seq: int
    fresh: bool

    def tuning(self, baud: int) -> int:
        """Word of its phase accumulator for a rate."""
        return baud * 2**32 // self.clock_hz


def greet(port: Port, limit: float = ANSWER_LIMIT) -> Board | None:
    """Begin a session; None when nothing answers within `limit` seconds beyond the time on the wire."""
    sent, data = hello(random.SystemRandom())
    parser = Parser(answer_body_bytes)
    port.send(data)
    end = time.monotonic() + limit + 1000 / port.baud
    while (left := end - time.monotonic()) > 0:
        for frame in parser.feed(port.receive(left)):
            if frame.address == sent.address and frame.kind & ~ANSWER in (Kind.HELLO, Kind.FRESH):
                told = np.frombuffer(frame.body, "<u4").tolist()
                if told[0] & 0xFF != VERSION:
                    raise LinkError(f"{port.name}: the board speaks version {told[0] & 0xFF} of the link and this host "
                                    f"{VERSION}; build both from the same release")  # fmt: skip
                return Board(told[0] >> 8 & 0xFF, told[0] >> 16, told[1], told[2], told[3], sent.seq,
                             frame.kind & ~ANSWER == Kind.FRESH)  # fmt: skip
    return None


def find(exchange: Exchange, rates: list[int], end: float) -> None:
    """Find the board of a running session again, by `end`: at one of `rates`, the first two of which are likely.

    Raises LinkError, BoardReset.
    """
    port, failure = exchange.port, "it is silent at every rate"
    for turn in itertools.count():
        for baud in dict.fromkeys(rates[:2] if turn < LIKELY_TURNS else rates):
            try:
                port.set_baud(baud)
                exchange.parser.clear()
                if exchange.ping(ANSWER_LIMIT + 2 * exchange.turn_around + 1000 / baud):
                    exchange.again()
                    return
            except LinkError as error:
                failure = str(error)
                port.reopen(end)
            if time.monotonic() > end:
                raise LinkError(f"{port.name}: the board did not come back within {exchange.limit:g} s: {failure}; "
                                "check cable and power")  # fmt: skip


def try_rate(exchange: Exchange, board: Board, baud: int) -> bool:
    """Go to another rate and test it; back at the board's first rate when it does not hold."""
    port, old = exchange.port, exchange.port.baud
    request = exchange.request(Kind.RATE, board.tuning(baud))
    exchange.restart()
    try:
        if exchange.once(request, FALL_BACK):
            port.set_baud(baud)
            if _holds(exchange):
                return True
    except (Silence, LinkError):
        pass
    request.done = True  # the rate is not asked for again
    end = time.monotonic() + exchange.limit
    port.drain(FALL_BACK, 2 * FALL_BACK)
    find(exchange, [board.base, old, baud], end)
    exchange.restart()
    exchange.work(lambda: exchange.idle)
    return port.baud == baud


def _holds(exchange: Exchange) -> bool:
    """Whether blocks there that are not written and blocks back that are not read pass without a mistake."""
    before = exchange.quality.refused + exchange.quality.checksum_errors

    def spoiled() -> bool:
        return exchange.quality.refused + exchange.quality.checksum_errors > before

    block = np.random.default_rng().integers(0, 2**32, BLOCK_WORDS, np.uint32).astype("<u4").tobytes()
    for _ in range(TEST_FRAMES):
        exchange.request(Kind.WRITE | DRY, 0, BLOCK_WORDS, block)
    reads = [exchange.request(Kind.READ | DRY, place << 10, BLOCK_WORDS) for place in range(TEST_FRAMES)]
    exchange.work(lambda: exchange.idle or spoiled())
    for read in reads:
        read.done = True  # nobody waits for them any more
    first = [np.frombuffer(read.answer.body, "<u4")[0] for read in reads if read.answer]
    return not spoiled() and first == [pattern(place << 10) for place in range(TEST_FRAMES)]
