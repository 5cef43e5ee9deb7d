"""Comparing payloads: what differs is shown by its first bad offset, with a hexdump of both sides around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sgdma.engine.buffers import DmaBuffer

__all__ = ["DataMismatch", "assert_same", "hexdump"]

Bytes = DmaBuffer | bytes | npt.NDArray[np.generic]
AROUND = 32
"""Bytes shown before the first bad one, and twice as many from there."""


class DataMismatch(AssertionError):
    """Payloads differ. ``offset``: first bad byte; ``bad_bytes``: how many differ; ``dump``: both sides around it."""

    def __init__(self, what: str, offset: int, bad_bytes: int, length: int, dump: str) -> None:
        self.what, self.offset, self.bad_bytes, self.length, self.dump = what, offset, bad_bytes, length, dump
        super().__init__(f"{what}: {bad_bytes} of {length} bytes differ, the first at offset {offset:#x}\n{dump}")


def assert_same(actual: Bytes, expected: Bytes, what: str = "payload") -> None:
    """Raise :class:`DataMismatch` unless both hold the same bytes."""
    __tracebackhide__ = True
    got, wanted = _flat(actual), _flat(expected)
    common = min(len(got), len(wanted))
    wrong = np.flatnonzero(got[:common] != wanted[:common])
    bad = len(wrong) + abs(len(got) - len(wanted))
    if bad:
        offset = int(wrong[0]) if len(wrong) else common
        raise DataMismatch(what, offset, bad, max(len(got), len(wanted)), _both(got, wanted, offset))


def hexdump(data: npt.NDArray[np.uint8], start: int = 0, mark: int = -1) -> str:
    """16 bytes a line, offsets from `start`; the byte at offset `mark` stands in brackets."""
    lines = []
    for place in range(0, len(data), 16):
        row = data[place : place + 16].tolist()
        cells = "".join(f"[{b:02x}]" if start + place + i == mark else f" {b:02x} " for i, b in enumerate(row))
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        lines.append(f"{start + place:08x} {cells:<64} |{text}|")
    return "\n".join(lines)


def _both(got: npt.NDArray[np.uint8], wanted: npt.NDArray[np.uint8], offset: int) -> str:
    start = max(0, offset - AROUND) & ~15
    stop = start + 3 * AROUND
    return (f"expected\n{hexdump(wanted[start:stop], start, offset)}\n"
            f"actual\n{hexdump(got[start:stop], start, offset)}")  # fmt: skip


def _flat(data: Bytes) -> npt.NDArray[np.uint8]:
    if isinstance(data, DmaBuffer):
        return data.array
    if isinstance(data, bytes):
        return np.frombuffer(data, np.uint8)
    return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
