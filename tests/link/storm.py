"""Random operations over a line on which faults happen, beside a copy of what the board must hold."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import google_crc32c
import numpy as np

from sgdma.errors import LinkError
from sgdma.link import Link
from sgdma.link.boards import Memory

WORDS = 1 << 13
GRACE = 1.5
"""Seconds that an operation may take beyond its time-out: its own time on the wire, and a machine with other work."""


class Storm:
    """Operations on `link` by a seeded chance. What is read is compared; `outcomes` counts how each ended.

    `limit`: seconds within which every operation must end. `memory`: the board's, where it can be looked into.
    """

    def __init__(self, link: Link, seed: object, limit: float, memory: Memory | None = None) -> None:
        self.link, self.chance, self.limit = link, random.Random(f"{seed}"), limit + GRACE
        self.held = np.zeros(WORDS, np.uint32)
        self.written = np.zeros(WORDS, np.int64)
        self.outcomes: Counter[str] = Counter()
        self.memory, self.slowest = memory, 0.0
        self.numbers = np.random.default_rng(self.chance.getrandbits(32))

    def run(self, until: Callable[[], bool]) -> None:
        while not until():
            place, count = self._range()
            kind = self.chance.choice(("write", "write", "read", "read", "check"))
            self._timed(kind, {"write": self._write, "read": self._read, "check": self._check}[kind], place, count)

    def settle(self, tries: int = 5) -> None:
        """Until all writes are through; then everything is compared."""
        for _ in range(tries):
            if self._timed("flush", lambda place, count: self.link.flush(), 0, 0):
                break
        self._read(0, WORDS)
        if self.memory is not None:
            assert np.array_equal(self.memory.words, self.held), "the board holds something else"
            assert np.array_equal(self.memory.writes, self.written), "a write was executed twice, or never"

    def _range(self) -> tuple[int, int]:
        most = self.chance.choice((1, 1, 8, 300, 2000))
        count = self.chance.randint(1, most)
        return self.chance.randrange(WORDS - count), count

    def _timed(self, kind: str, work: Callable[[int, int], Any], place: int, count: int) -> bool:
        begin = time.monotonic()
        try:
            work(place, count)
            self.outcomes[kind] += 1
            return True
        except LinkError as error:
            self.outcomes[f"{kind}: {type(error).__name__}"] += 1
            return False
        finally:
            taken = time.monotonic() - begin
            self.slowest = max(self.slowest, taken)
            assert taken < self.limit, f"{kind} of {count} words took {taken:.1f} s"

    def _write(self, place: int, count: int) -> None:
        words = self.numbers.integers(0, 2**32, count, np.uint32)
        self.held[place : place + count] = words  # also when it fails: it is owed
        self.written[place : place + count] += 1
        self.link.write(4 * place, words)

    def _read(self, place: int, count: int) -> None:
        got = self.link.read(4 * place, count)
        assert np.array_equal(got, self.held[place : place + count]), f"wrong data at word {place}, {count} words"

    def _check(self, place: int, count: int) -> None:
        expected = google_crc32c.value(self.held[place : place + count].astype("<u4").tobytes())
        assert self.link.checksum(4 * place, count) == expected, f"wrong checksum of {count} words at {place}"
