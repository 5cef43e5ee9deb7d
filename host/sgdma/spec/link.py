"""Frames of the reliable serial link: what crosses the line, for the gateware, the host and the model of the board.

A frame is START, nine bytes of header (little-endian, `HEADER`), and the header's CRC32C; frames with a
body go on with its words and a CRC32C over header *and* body, so that a body can't stand behind a header that is not
its own. Neither checksum covers START. docs/link.md tells what each side does with them.
"""

from __future__ import annotations

import enum

__all__ = ["ANSWER", "BLOCK_WORDS", "BUFFER_WORDS", "CHECKSUM_BYTES", "DRY", "FAULT", "HEADER", "HEADER_BYTES",
           "HELLO_WORDS", "START", "VERSION", "WINDOW", "Kind", "pattern"]

VERSION = 1
"""Of the protocol; the host refuses another."""
START = 0xA5
"""First byte of every frame. Like every byte of a HELLO it is no command of UARTBone (1..4)."""
HEADER = (("kind", 8), ("seq", 8), ("tag", 8), ("count", 16), ("address", 32))
"""Name and bits of every field, in order, behind START."""
HEADER_BYTES = sum(bits for _, bits in HEADER) // 8
CHECKSUM_BYTES = 4
ANSWER = 0x80
"""Set in the kind of every frame from board to host."""
DRY = 0x08
"""Set in WRITE and READ: all as usual, but no access to the bus; words read are `pattern`."""
FAULT = 1
"""Lowest bit of a status word: the access to the byte address in its other bits was answered by an error."""
BLOCK_WORDS = 256
"""Words of a WRITE at most."""
BUFFER_WORDS = 512
"""Words of WRITEs that the board can hold before it has executed them."""
WINDOW = 16
"""Frames that the board can hold before it has answered them."""
HELLO_WORDS = 8
"""Words of the answer to a HELLO, and its `count`: version (8 bit), window (8) and block (16); clock in Hz; fastest
rate and rate at reset in baud; zeros. So many that the byte is no command of UARTBone."""


class Kind(enum.IntEnum):
    """Kind of a frame; the answer has the same with ANSWER set, or is AGAIN, GAP, BROKEN or LOST."""

    HELLO = 0x10  # begins a session: `seq` of the next WRITE; `address` is a nonce
    FRESH = 0x18  # answer only: HELLO to a board that has been reset since the last one
    WRITE = 0x20  # words to the bus, once; with `count` 0 it forgets the bus error of earlier ones
    READ = 0x30  # words from the bus, and a status word behind them
    CHECK = 0x40  # CRC32C over words of the bus, and a status word
    RATE = 0x50  # `address` is the PHY's new tuning word; answered before it holds
    AGAIN = 0x60  # answer only: a WRITE that was executed before
    GAP = 0x70  # answer only: not taken; `seq` is what the board expects
    BROKEN = 0x78  # answer only: something with a wrong checksum came; `tag` means nothing
    LOST = 0x58  # answer only: the board has been reset and has seen no HELLO since


def pattern(address: int) -> int:
    """Word at byte `address` that a dry READ gives."""
    low = address >> 2 & 0xFFFF
    return low | (low ^ 0xFFFF) << 16
