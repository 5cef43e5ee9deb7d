"""Models of the board's end of a serial line: the reliable link's gateware and LiteX's UARTBone, on a memory.

They take the bytes of the line and give those for it. The reliable one is the reference of the gateware: the same
states, the same answers, the same patience.
"""

from __future__ import annotations

from typing import Protocol

import google_crc32c
import numpy as np
import numpy.typing as npt

from sgdma.link.frames import HEAD_BYTES, Frame, encode, parse_header, request_body_bytes
from sgdma.spec.link import (
    ANSWER,
    BLOCK_WORDS,
    CHECKSUM_BYTES,
    DRY,
    FAULT,
    HELLO_WORDS,
    START,
    VERSION,
    WINDOW,
    Kind,
    pattern,
)

__all__ = ["BoardEnd", "BoneBoard", "Bus", "Memory", "ReliableBoard"]

U32 = npt.NDArray[np.uint32]
GAP = 0.010
PATIENCE = 0.250
BONE_LIMIT = 0.100


class Bus(Protocol):
    """What lies behind a board's link. Addresses in bytes; what is refused is a LookupError with the address."""

    def read(self, address: int, count: int) -> U32:
        """`count` words."""

    def write(self, address: int, words: U32) -> None:
        """Words in rising order."""


class Memory:
    """`words` words from byte `base`; every write of a word is counted. Everything else is refused."""

    def __init__(self, words: int, base: int = 0) -> None:
        self.base, self.words = base, np.zeros(words, np.uint32)
        self.writes = np.zeros(words, np.int64)

    def read(self, address: int, count: int) -> U32:
        """Raises LookupError with the first address that is not there."""
        return self.words[self._place(address, count)].copy()

    def write(self, address: int, words: U32) -> None:
        """Raises LookupError; what lies before the first address that is not there is written."""
        left = max((self.base + 4 * len(self.words) - address) // 4, 0)
        place = self._place(address, min(len(words), left))
        self.words[place] = words[:left]
        self.writes[place] += 1
        if left < len(words):
            raise LookupError(address + 4 * left)

    def _place(self, address: int, count: int) -> slice:
        first = (address - self.base) // 4
        if first < 0 or first + count > len(self.words):
            raise LookupError(address if first < 0 else max(address, self.base + 4 * len(self.words)))
        return slice(first, first + count)


class BoardEnd(Protocol):
    """A board on a line. Times are seconds of any steady clock; `baud` None fits every rate."""

    @property
    def baud(self) -> float | None:
        """Bits a second at which it speaks now."""

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes from the line, or none; what it answers."""

    def reset(self) -> None:
        """As after power-on."""


class ReliableBoard:
    """The gateware of sgdma_soc.link. `base` and `fastest`: rates in baud."""

    def __init__(self, bus: Bus, clock_hz: int = 100_000_000, base: int = 115_200, fastest: int = 3_000_000) -> None:
        self.bus, self._clock, self._base, self._fastest = bus, clock_hz, base, fastest
        self.reset()

    def reset(self) -> None:
        """Forgets the session; the bus stays as it is."""
        self._data, self._last = bytearray(), 0.0
        self._synced = self._said = False
        self._expected = self._fault = 0
        self._rate = float(self._base)
        self._doubt: float | None = None

    @property
    def baud(self) -> float | None:
        """Bits a second."""
        return self._rate

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes from the line, the last of them at `now`; time passes when there are none."""
        answers = bytearray()
        if self._doubt is not None and now - self._doubt > PATIENCE:
            self._rate, self._doubt = float(self._base), None
        if not data and self._data and now - self._last > GAP:
            self._data.clear()
            answers += self._broken(now)
        if data:
            self._last = now
            self._data += data
            self._parse(answers, now)
        return bytes(answers)

    def _parse(self, answers: bytearray, now: float) -> None:
        while True:
            start = self._data.find(START)
            skipped = len(self._data) if start < 0 else start
            if skipped:
                self._doubt = self._doubt or now
                del self._data[:skipped]
            if len(self._data) < HEAD_BYTES:
                return
            frame, checksum = parse_header(self._data)
            size = request_body_bytes(frame) if frame else 0
            if frame is None or size > 4 * BLOCK_WORDS:
                del self._data[:HEAD_BYTES]
                answers += self._broken(now)
                continue
            self._doubt = None
            end = HEAD_BYTES + size + CHECKSUM_BYTES * bool(size)
            if len(self._data) < end:
                return
            body, tail = bytes(self._data[HEAD_BYTES : HEAD_BYTES + size]), bytes(self._data[HEAD_BYTES + size : end])
            del self._data[:end]
            if size and google_crc32c.extend(checksum, body) != int.from_bytes(tail, "little"):
                answers += self._broken(now)
            else:
                self._said = False
                answers += self._execute(frame, body)

    def _broken(self, now: float) -> bytes:
        self._doubt = self._doubt or now
        if self._said or not self._synced:
            return b""
        self._said = True
        return encode(Frame(Kind.BROKEN | ANSWER, self._expected, 0, 0, 0))

    def _execute(self, frame: Frame, body: bytes) -> bytes:
        kind, ahead = frame.kind, frame.seq - self._expected & 0xFF
        if kind == Kind.HELLO:
            kind = Kind.HELLO if self._synced else Kind.FRESH
            self._synced, self._expected, self._fault = True, frame.seq, 0
            told = [VERSION | WINDOW << 8 | BLOCK_WORDS << 16, self._clock, self._fastest, self._base]
            return self._answer(frame, kind, np.array([*told, *[0] * (HELLO_WORDS + 1 - len(told))], np.uint32))
        if not self._synced:
            return self._answer(frame, Kind.LOST)
        if kind & ~DRY == Kind.WRITE and (ahead == 0 or ahead & 0x80):
            return self._write(frame, body) if not ahead else self._answer(frame, Kind.AGAIN)
        if kind & ~DRY in (Kind.READ, Kind.CHECK, Kind.RATE) and not ahead:
            return self._read(frame)
        return self._answer(frame, Kind.GAP)

    def _write(self, frame: Frame, body: bytes) -> bytes:
        self._expected = self._expected + 1 & 0xFF
        if not frame.count:
            self._fault = 0
        elif not frame.kind & DRY:
            try:
                self.bus.write(frame.address, np.frombuffer(body, "<u4").astype(np.uint32))
            except LookupError as error:
                self._fault = self._fault or error.args[0] | FAULT
        return self._answer(frame, frame.kind)

    def _read(self, frame: Frame) -> bytes:
        if frame.kind == Kind.RATE:
            answer = self._answer(frame, Kind.RATE)
            self._rate, self._doubt = frame.address * self._clock / 2**32, self._last
            return answer
        status = 0
        words = np.zeros(frame.count, np.uint32)
        if frame.kind & DRY:
            words = np.array([pattern(frame.address + 4 * place) for place in range(frame.count)], np.uint32)
        else:
            try:
                words = self.bus.read(frame.address, frame.count)
            except LookupError as error:
                status = error.args[0] | FAULT
                good = (error.args[0] - frame.address) // 4
                words[:good] = self.bus.read(frame.address, good) if good else 0
        if frame.kind == Kind.CHECK:
            words = np.array([google_crc32c.value(words.astype("<u4").tobytes())], np.uint32)
        return self._answer(frame, frame.kind, np.append(words, np.uint32(status)))

    def _answer(self, frame: Frame, kind: int, words: U32 | None = None) -> bytes:
        address = self._fault if kind & ~DRY == Kind.WRITE or kind == Kind.AGAIN else frame.address
        body = b"" if words is None else words.astype("<u4").tobytes()
        return encode(Frame(kind | ANSWER, self._expected, frame.tag, frame.count, address, body))


class BoneBoard:
    """LiteX's UARTBone (Stream2Wishbone): no checks, no answers to writes, half a frame forgotten after 100 ms.

    With a `baud` it does not hear what comes while it answers, as on LiteX's RS-232 receiver; `unheard` counts that.
    """

    def __init__(self, bus: Bus, baud: float | None = None) -> None:
        self.bus, self._rate = bus, baud
        self.unheard, self._busy = 0, 0.0
        self.reset()

    def reset(self) -> None:
        """Forgets half a frame."""
        self._data, self._begun = bytearray(), 0.0

    @property
    def baud(self) -> float | None:
        """Bits a second."""
        return self._rate

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes from the line at `now`."""
        if data and now < self._busy:
            self.unheard += len(data)
            data = b""
        if self._data and now - self._begun > BONE_LIMIT:
            self._data.clear()
        if not self._data:
            self._begun = now
        self._data += data
        answers = bytearray()
        while len(self._data) >= 6:
            command, count = self._data[0], self._data[1] or 256
            address = int.from_bytes(self._data[2:6], "big") * 4
            end = 6 + 4 * count if command in (1, 3) else 6
            if len(self._data) < end:
                break
            if command in (1, 3):
                self._write(address, np.frombuffer(bytes(self._data[6:end]), ">u4").astype(np.uint32), command == 1)
            elif command in (2, 4):
                answers += self._read(address, count, command == 2)
            del self._data[:end]
            self._begun = now
        if answers and self._rate:
            self._busy = now + len(answers) * 10 / self._rate
        return bytes(answers)

    def _write(self, address: int, words: U32, rising: bool) -> None:
        try:
            self.bus.write(address, words if rising else words[-1:])
        except LookupError:
            for place, word in enumerate(words) if rising else ():
                try:
                    self.bus.write(address + 4 * place, np.array([word], np.uint32))
                except LookupError:
                    continue

    def _read(self, address: int, count: int, rising: bool) -> bytes:
        """Where nothing is, LiteX's bus times out with all ones."""
        words = np.full(count, 0xFFFFFFFF, np.uint32)
        try:
            words[:] = self.bus.read(address, count if rising else 1)
        except LookupError:
            for place in range(count):
                try:
                    words[place] = self.bus.read(address + 4 * place * rising, 1)[0]
                except LookupError:
                    continue
        return words.astype(">u4").tobytes()
