"""CRC32C of a stream of bytes, one a cycle, that can be given away or compared without losing its state."""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Any

from litex.gen import Cat, If, LiteXModule, Signal

__all__ = ["Crc32c"]

POLYNOMIAL = 0x82F63B78  # of CRC32C, least significant bit first


class Crc32c(LiteXModule):
    """State of the checksum.

    `clear` begins anew, `absorb` takes `data` in, `turn` brings the next byte of the checksum to `low`: after four
    turns the state is what it was, so that a checksum in mid-frame costs no register beside it. One at a time.
    `late`: what is absorbed counts a cycle later, for bytes that come a long way.
    """

    def __init__(self, late: bool = False) -> None:
        self.data = Signal(8)
        self.clear = Signal()
        self.absorb = Signal()
        self.turn = Signal()
        self.value = Signal(32)
        self.low = Signal(8)

        # # #

        state = Signal(32, reset=0xFFFFFFFF)
        self.comb += [self.value.eq(~state), self.low.eq(~state[:8])]
        absorb, data = self.absorb, self.data
        if late:
            absorb, data = Signal(), Signal(8)
            self.sync += [absorb.eq(self.absorb), data.eq(self.data)]
        self.sync += [
            If(self.clear, state.eq(0xFFFFFFFF))
            .Elif(self.turn, state.eq(Cat(state[8:], state[:8])))
            .Elif(absorb, state.eq(Cat(*_next(state, data))))
        ]  # fmt: skip


def _next(state: Any, data: Any) -> list[Any]:
    """The 32 bits of the state behind a byte: which bits each one adds up, from what each bit alone would leave."""
    rows: list[list[Any]] = [[] for _ in range(32)]
    for place in range(32):
        for bit in _bits(_step(1 << place)):
            rows[bit].append(state[place])
            if place < 8:
                rows[bit].append(data[place])
    return [reduce(xor, row) for row in rows]


def _step(state: int) -> int:
    for _ in range(8):
        state = state >> 1 ^ (POLYNOMIAL if state & 1 else 0)
    return state


def _bits(value: int) -> list[int]:
    return [bit for bit in range(32) if value >> bit & 1]
