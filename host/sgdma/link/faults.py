"""What may happen to bytes on a serial line, by a seeded chance; each fault is counted."""

from __future__ import annotations

import random
from collections import Counter

__all__ = ["KINDS", "Faults"]

KINDS = ("flip", "lose", "double", "insert", "silence")
"""Of a byte; `silence` loses a run of them."""
LONGEST_RUN = 3000
"""Bytes that a silence loses at most: some frames."""
LONGEST_SILENCE = 0.02
"""Seconds that it lasts at most."""


class Faults:
    """Faults at random places, one in `spacing` bytes on the average, as many as `most`.

    `kinds`: which, of `KINDS`. `counts` tells how many of each have happened.
    """

    def __init__(self, seed: object, spacing: float, kinds: tuple[str, ...] = KINDS, most: int = 1 << 62) -> None:
        self._chance, self._spacing, self._kinds, self.left = random.Random(f"{seed}"), spacing, kinds, most
        self.counts: Counter[str] = Counter()
        self._run, self._run_end = 0, 0.0
        self._next = self._distance()

    def apply(self, data: bytes, now: float) -> bytes:
        """What comes out at the other end, at `now` in seconds."""
        result = bytearray()
        if now > self._run_end:
            self._run = 0
        while data:
            if self._run:
                lost = min(self._run, len(data))
                self._run, data = self._run - lost, data[lost:]
            elif self._next >= len(data) or not self.left:
                self._next -= len(data) if self.left else 0
                result += data
                data = b""
            else:
                result += data[: self._next]
                result += self._damaged(data[self._next], now)
                data = data[self._next + 1 :]
                self._next = self._distance()
        return bytes(result)

    def _damaged(self, byte: int, now: float) -> bytes:
        kind, chance = self._chance.choice(self._kinds), self._chance
        self.counts[kind] += 1
        self.left -= 1
        if kind == "silence":
            self._run = chance.choice((chance.randint(1, 40), chance.randint(1, LONGEST_RUN)))
            self._run_end = now + LONGEST_SILENCE
        flipped = bytes((byte ^ 1 << chance.randrange(8),))
        return {"flip": flipped, "lose": b"", "double": bytes((byte, byte)), "silence": b"",
                "insert": bytes((chance.randrange(256), byte))}[kind]  # fmt: skip

    def _distance(self) -> int:
        return int(self._chance.expovariate(1 / self._spacing))
