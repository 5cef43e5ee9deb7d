"""The board's end of the reliable link in migen's simulator, byte by byte, against the host's frames."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import google_crc32c
import numpy as np
import pytest
from litex.gen import If, LiteXModule, Memory, Signal
from migen import run_simulation

from sgdma.link.frames import Frame, Parser, answer_body_bytes, encode, hello
from sgdma.spec.link import ANSWER, DRY, HELLO_WORDS, Kind, pattern
from sgdma_soc.link import ReliableLink

pytestmark = pytest.mark.sim

WORDS, CLOCK = 64, 20_000
"""Words of memory; a clock so slow that a gap of 10 ms is 200 cycles."""
FORBIDDEN = 4 * WORDS
"""Byte address from which on the bus answers by an error."""


class Board(LiteXModule):
    """The link and a memory that needs a cycle or three; writes are counted."""

    def __init__(self) -> None:
        self.link = link = ReliableLink(CLOCK, baudrate=100)
        self.writes = Signal(16)
        memory = Memory(32, WORDS)
        port = memory.get_port(write_capable=True)
        self.specials += memory, port
        bus, busy, done = link.wishbone, Signal(2), Signal()
        good = bus.adr < WORDS
        self.comb += [port.adr.eq(bus.adr), port.dat_w.eq(bus.dat_w), bus.dat_r.eq(port.dat_r),
                      port.we.eq(bus.cyc & bus.stb & bus.we & bus.ack),
                      bus.ack.eq(done & good), bus.err.eq(done & ~good),
                      done.eq(busy == 1 + bus.adr[0])]  # fmt: skip
        self.sync += [If(bus.cyc & bus.stb & ~done, busy.eq(busy + 1)).Else(busy.eq(0)),
                      If(port.we, self.writes.eq(self.writes + 1))]


class Session:
    """Sends bytes to a board and keeps the frames that come back, with pauses on both sides."""

    def __init__(self, seed: int = 0) -> None:
        self.board, self.answers = Board(), list[Frame]()
        self.parser = Parser(answer_body_bytes)
        self.chance = random.Random(f"{os.environ.get('SGDMA_SEED', '1')}-{seed}")
        self.done = False

    def send(self, data: bytes) -> Iterator[Any]:
        sink = self.board.link.sink
        for byte in data:
            for _ in range(self.chance.choice((0, 0, 2))):
                yield
            yield sink.valid.eq(1)
            yield sink.data.eq(byte)
            yield
            while not (yield sink.ready):
                yield
            yield sink.valid.eq(0)

    def ask(self, *frames: Frame | bytes, answers: int | None = None) -> Iterator[Any]:
        """Send; wait for as many answers, which are the value."""
        before = len(self.answers)
        for frame in frames:
            yield from self.send(encode(frame) if isinstance(frame, Frame) else frame)
        for _ in range(4000):
            if len(self.answers) - before >= (len(frames) if answers is None else answers):
                break
            yield
        return self.answers[before:]

    def start(self) -> Iterator[Any]:
        frame, data = hello(self.chance)
        yield from self.ask(data)
        return frame.seq

    def take(self) -> Iterator[Any]:
        source = self.board.link.source
        while not self.done:
            yield source.ready.eq(self.chance.randrange(2))
            yield
            if (yield source.valid) and (yield source.ready):
                self.answers += self.parser.feed(bytes([(yield source.data)]))

    def run(self, script: Iterator[Any]) -> None:
        def whole() -> Iterator[Any]:
            yield from script
            self.done = True

        run_simulation(self.board, [whole(), self.take()])
        assert self.parser.errors == self.parser.garbage == 0


def words(values: Any) -> bytes:
    return np.asarray(values, "<u4").tobytes()


def test_a_session_writes_reads_and_checks() -> None:
    session, values = Session(), np.random.default_rng(1).integers(0, 2**32, 40, np.uint32)

    def script() -> Iterator[Any]:
        frame, data = hello(session.chance)
        [answer] = yield from session.ask(data, answers=1)
        told = np.frombuffer(answer.body, "<u4").tolist()
        assert (answer.kind, answer.address) == (Kind.FRESH | ANSWER, frame.address)
        assert told == [1 | 16 << 8 | 256 << 16, CLOCK, CLOCK // 10, 100] + [0] * (HELLO_WORDS - 4 + 1)
        seq = frame.seq
        first = Frame(Kind.WRITE, seq, 1, 30, 0, words(values[:30]))
        second = Frame(Kind.WRITE, seq + 1 & 255, 2, 10, 120, words(values[30:]))
        one, two = yield from session.ask(first, second)
        assert (one.kind, one.seq, one.tag, one.address) == (Kind.WRITE | ANSWER, seq + 1 & 255, 1, 0)
        assert (two.seq, two.tag) == (seq + 2 & 255, 2)
        now = seq + 2 & 255
        read, check, dry = yield from session.ask(
            Frame(Kind.READ, now, 3, 40, 0), Frame(Kind.CHECK, now, 4, 40, 0), Frame(Kind.READ | DRY, now, 5, 3, 400))
        assert read.body == words([*values, 0])
        assert check.body == words([google_crc32c.value(words(values)), 0])
        assert dry.body == words([pattern(400), pattern(404), pattern(408), 0])
        assert (yield session.board.writes) == 40
        [again] = yield from session.ask(hello(session.chance)[1], answers=1)
        assert again.kind == Kind.HELLO | ANSWER

    session.run(script())


def test_a_write_is_executed_once_and_in_its_turn() -> None:
    session = Session(1)

    def script() -> Iterator[Any]:
        seq = yield from session.start()
        first = Frame(Kind.WRITE, seq, 1, 1, 8, words([7]))
        later = Frame(Kind.WRITE, seq + 2 & 255, 3, 1, 8, words([9]))
        answers = yield from session.ask(first, first, later, Frame(Kind.READ, seq + 2 & 255, 4, 1, 8))
        assert [answer.kind & ~ANSWER for answer in answers] == [Kind.WRITE, Kind.AGAIN, Kind.GAP, Kind.GAP]
        assert [answer.seq for answer in answers] == [seq + 1 & 255] * 4
        assert [answer.tag for answer in answers] == [1, 1, 3, 4]
        assert (yield session.board.writes) == 1

    session.run(script())


def test_a_board_after_reset_says_so_and_does_nothing() -> None:
    session = Session(2)

    def script() -> Iterator[Any]:
        answers = yield from session.ask(Frame(Kind.WRITE, 0, 1, 1, 0, words([7])), Frame(Kind.READ, 0, 2, 1, 0))
        assert [(answer.kind, answer.tag) for answer in answers] == [(Kind.LOST | ANSWER, 1), (Kind.LOST | ANSWER, 2)]
        assert (yield session.board.writes) == 0

    session.run(script())


def test_an_error_of_the_bus_names_the_address() -> None:
    """Of a read behind its words; of a write until it is forgotten."""
    session = Session(3)

    def script() -> Iterator[Any]:
        seq = yield from session.start()
        [read] = yield from session.ask(Frame(Kind.READ, seq, 1, 4, FORBIDDEN - 8))
        assert read.body[8:] == words([0, 0, FORBIDDEN | 1])
        [bad] = yield from session.ask(Frame(Kind.WRITE, seq, 2, 2, FORBIDDEN - 4, words([1, 2])))
        [good] = yield from session.ask(Frame(Kind.WRITE, seq + 1 & 255, 3, 1, 0, words([1])))
        [clear] = yield from session.ask(Frame(Kind.WRITE, seq + 2 & 255, 4, 0, 0))
        assert [answer.address for answer in (bad, good, clear)] == [FORBIDDEN | 1, FORBIDDEN | 1, 0]
        [check] = yield from session.ask(Frame(Kind.CHECK, seq + 3 & 255, 5, 2, FORBIDDEN))
        assert check.body[4:] == words([FORBIDDEN | 1])

    session.run(script())


def test_what_is_broken_is_refused_once_and_changes_nothing() -> None:
    session = Session(4)

    def script() -> Iterator[Any]:
        seq = yield from session.start()
        data = bytearray(encode(Frame(Kind.WRITE, seq, 1, 3, 0, words([1, 2, 3]))))
        data[20] ^= 4
        head = bytearray(encode(Frame(Kind.READ, seq, 2, 1, 0)))
        head[2] ^= 1
        answers = yield from session.ask(bytes(data), bytes(head), encode(Frame(Kind.READ, seq, 3, 1, 0)), answers=2)
        assert [answer.kind & ~ANSWER for answer in answers] == [Kind.BROKEN, Kind.READ]
        assert answers[0].seq == seq
        assert (yield session.board.writes) == 0
        whole = encode(Frame(Kind.WRITE, seq, 4, 1, 0, words([5])))
        [broken] = yield from session.ask(whole[:9])  # half a frame, then quiet
        assert broken.kind == Kind.BROKEN | ANSWER
        [good] = yield from session.ask(whole)
        assert good.kind == Kind.WRITE | ANSWER

    session.run(script())


def test_more_writes_than_the_board_can_hold_are_refused_not_lost() -> None:
    """Bytes a cycle apart, while the answers find a slow way out."""
    session = Session(5)

    def script() -> Iterator[Any]:
        seq = yield from session.start()
        frames = [Frame(Kind.WRITE, seq + place & 255, place, 32, 0, words(range(32))) for place in range(24)]
        answers = yield from session.ask(*frames, answers=18)
        for answer in answers:
            assert answer.kind & ~ANSWER in (Kind.WRITE, Kind.GAP)
        done = sum(answer.kind == Kind.WRITE | ANSWER for answer in answers)
        assert (yield session.board.writes) == 32 * done

    session.run(script())


def test_a_rate_nobody_speaks_at_is_left_again() -> None:
    session = Session(6)

    def script() -> Iterator[Any]:
        seq, tuning, base = (yield from session.start()), session.board.link.tuning, int(100 * 2**32 / CLOCK)
        assert (yield tuning) == base
        [answer] = yield from session.ask(Frame(Kind.RATE, seq, 1, 0, 12345))
        assert answer.kind == Kind.RATE | ANSWER
        for _ in range(20):
            yield
        assert (yield tuning) == 12345
        yield from session.ask(Frame(Kind.READ | DRY, seq, 2, 1, 0))
        for _ in range(300 * CLOCK // 1000):
            yield
        assert (yield tuning) == 12345, "a good frame has confirmed it"
        yield from session.send(b"\x00")
        for _ in range(240 * CLOCK // 1000):
            yield
        assert (yield tuning) == 12345
        for _ in range(20 * CLOCK // 1000):
            yield
        assert (yield tuning) == base, "noise and no good frame for 250 ms"

    session.run(script())
