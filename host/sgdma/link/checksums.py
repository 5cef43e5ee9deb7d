"""CRC32C of two byte strings one behind the other, from those of each: for memory that is summed in parts."""

from __future__ import annotations

__all__ = ["combined"]

POLYNOMIAL = 0x82F63B78


def combined(first: int, second: int, size: int) -> int:
    """CRC32C of A and B together, from that of A, that of B, and B's `size` in bytes."""
    power, state = _one_zero_bit(), first
    bits = 8 * size
    while bits:
        if bits & 1:
            state = _times(power, state)
        power = [_times(power, row) for row in power]
        bits >>= 1
    return state ^ second


def _one_zero_bit() -> list[int]:
    """Where each bit of the state goes when a zero bit follows: a matrix over GF(2), a column a bit."""
    return [POLYNOMIAL, *(1 << bit for bit in range(31))]


def _times(matrix: list[int], vector: int) -> int:
    total = 0
    for column in matrix:
        if not vector:
            break
        if vector & 1:
            total ^= column
        vector >>= 1
    return total
