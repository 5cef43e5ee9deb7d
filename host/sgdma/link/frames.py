"""Frames of the reliable link (sgdma.spec.link) to bytes and back, for the host and for the model of the board."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import google_crc32c

from sgdma.spec.link import ANSWER, CHECKSUM_BYTES, DRY, HEADER_BYTES, HELLO_WORDS, START, Kind

__all__ = ["HEAD_BYTES", "Frame", "Parser", "answer_body_bytes", "encode", "hello", "parse_header",
           "request_body_bytes"]

_HEADER = struct.Struct("<BBBHI")
HEAD_BYTES = 1 + HEADER_BYTES + CHECKSUM_BYTES
"""START, header and its checksum."""
BONE_UNIT = 6
"""Bytes of a UARTBone command without data."""
BONE_COMMANDS = frozenset(range(1, 5))


@dataclass(frozen=True)
class Frame:
    """One frame. `body`: its words, little-endian, without checksum."""

    kind: int
    seq: int
    tag: int
    count: int
    address: int
    body: bytes = b""


def encode(frame: Frame) -> bytes:
    """The frame as it crosses the line."""
    header = _HEADER.pack(frame.kind, frame.seq, frame.tag, frame.count, frame.address)
    checksum: int = google_crc32c.value(header)
    head = bytes((START,)) + header + checksum.to_bytes(4, "little")
    if not frame.body:
        return head
    tail: bytes = google_crc32c.extend(checksum, frame.body).to_bytes(4, "little")
    return head + frame.body + tail


def hello(chance: random.Random) -> tuple[Frame, bytes]:
    """A HELLO with a nonce, and its bytes: whole units of UARTBone, and none of them is a command there."""
    while True:
        frame = Frame(Kind.HELLO, chance.randrange(256), chance.randrange(256), HELLO_WORDS, chance.getrandbits(32))
        data = encode(frame)
        if not BONE_COMMANDS & set(data):
            return frame, data + bytes(-len(data) % BONE_UNIT)


def parse_header(data: bytes | bytearray) -> tuple[Frame | None, int]:
    """The header at the front of `data`, HEAD_BYTES at least, and its checksum; None when that is wrong."""
    header = bytes(data[1 : 1 + HEADER_BYTES])
    checksum: int = google_crc32c.value(header)
    good = checksum == int.from_bytes(data[1 + HEADER_BYTES : HEAD_BYTES], "little")
    return (Frame(*_HEADER.unpack(header)) if good else None), checksum


def request_body_bytes(frame: Frame) -> int:
    """Bytes of body, without checksum, behind a header from the host."""
    return 4 * frame.count if frame.kind & ~DRY == Kind.WRITE else 0


def answer_body_bytes(frame: Frame) -> int:
    """Bytes of body, without checksum, behind a header from the board: words and a status word."""
    kind = frame.kind & ~ANSWER
    if kind == Kind.CHECK:
        return 8
    if kind & ~DRY in (Kind.READ, Kind.HELLO):
        return 4 * frame.count + 4
    return 0


class Parser:
    """Finds frames in a stream of bytes; what is no frame is passed over, byte by byte.

    `garbage`: bytes passed over; `errors`: frames with a wrong checksum. A byte that looks like a frame's start may
    make the parser wait for the rest of a frame that never was: `give_up` when the line has been quiet. A frame whose
    header is whole may still be under way, since a board sends a READ's words as its bus answers: the parser looks
    behind that header, and takes the frame all the same when its rest comes.
    """

    def __init__(self, body_bytes: Callable[[Frame], int]) -> None:
        self._body_bytes = body_bytes
        self._data = bytearray()
        self._held = bytearray()  # from the header of the frame last given up, if that was whole
        self.garbage = self.errors = 0

    @property
    def pending(self) -> int:
        """Bytes kept because a frame may be among them."""
        return len(self._data)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """All frames that are whole now."""
        self._data += data
        if self._held:
            yield from self._late(data)
        while (frame := self._next()) is not None:
            yield frame

    def give_up(self) -> Iterator[Frame]:
        """No more will come of the frame that the parser waits for: look behind its first byte."""
        if self._data:
            if len(self._data) >= HEAD_BYTES:
                self._held = self._data.copy()
            self._skip(1)
        return self.feed(b"")

    def clear(self) -> None:
        """Forget what is there."""
        self._data.clear()
        self._held.clear()

    def _late(self, data: bytes) -> Iterator[Frame]:
        """The frame that was given up, when it is whole now; what was looked at behind its header was its body."""
        self._held += data
        whole = self._whole(self._held)
        if whole is None:
            return
        frame, size = whole
        if frame is not None:
            self._data = self._held[size:]
            yield frame
        self._held = bytearray()

    def _next(self) -> Frame | None:
        while True:
            start = self._data.find(START)
            self._skip(len(self._data) if start < 0 else start)
            if len(self._data) < HEAD_BYTES:
                return None
            whole = self._whole(self._data)
            if whole is None:
                return None
            frame, size = whole
            if frame is not None:
                del self._data[:size]
                return frame
            self.errors += 1
            self._skip(1)

    def _whole(self, data: bytearray) -> tuple[Frame | None, int] | None:
        """The frame at the front of `data`, its size; no frame when a checksum is wrong, None when bytes lack."""
        frame, checksum = parse_header(data)
        if frame is None:
            return None, 0
        size = self._body_bytes(frame)
        if not size:
            return frame, HEAD_BYTES
        end = HEAD_BYTES + size
        if len(data) < end + CHECKSUM_BYTES:
            return None
        body = bytes(data[HEAD_BYTES:end])
        if google_crc32c.extend(checksum, body) != int.from_bytes(data[end : end + 4], "little"):
            return None, 0
        return Frame(frame.kind, frame.seq, frame.tag, frame.count, frame.address, body), end + CHECKSUM_BYTES

    def _skip(self, count: int) -> None:
        self.garbage += count
        del self._data[:count]
