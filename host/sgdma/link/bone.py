"""LiteX's UARTBone from the host's side: a bus of 32-bit words behind a serial port.

A frame is a command, a count of words (1..255), a big-endian word address and, for writes, the words, big-endian too;
a read is answered by its words alone (LiteX, litex/soc/cores/uart.py). Nothing is checked or acknowledged; the gateware
forgets half a frame after 100 ms. While it answers it does not listen, and LiteX's RS-232 receiver keeps no byte: a
request sent ahead of an answer would be lost, so every frame of a read costs a turn-around.

What can be done about bytes that are lost is done: every read is followed by one of a word that is known (the
`sentinel`), which bytes lost or inserted shift out of its place. Flipped bits need `verify`: reads go twice, writes are
read back. A write damaged on its way may have gone anywhere on the bus; only the reliable link prevents that.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import google_crc32c
import numpy as np
import numpy.typing as npt

from sgdma.errors import LinkError, PortGone
from sgdma.link.contract import Link, Quality
from sgdma.link.port import Port

__all__ = ["BoneLink"]

U32 = npt.NDArray[np.uint32]
WRITE, READ = 1, 2
WORDS = 255
PARSER_LIMIT = 0.1
"""Seconds after which the gateware forgets half a frame."""
MARGIN = 0.03
TRIES = 3
"""Times that a request without any answer is sent within the time-out."""


class _Shifted(Exception):
    """Bytes were lost, inserted or damaged on the way."""


class _Silent(_Shifted):
    """No byte came."""


class BoneLink(Link):
    """UARTBone on an open `port`.

    `timeout`: seconds without a byte after which the link counts as down, and for which a damaged operation is tried
    again. `sentinel`: byte address and value of a word that never changes. `verify`: detect flipped bits as well, at
    twice the time.
    """

    def __init__(
        self, port: Port, timeout: float, sentinel: tuple[int, int] | None = None, verify: bool = False
    ) -> None:  # fmt: skip
        self._port, self._timeout, self._sentinel, self._verify = port, timeout, sentinel, verify
        self._quality = Quality("bone")

    def read(self, address: int, count: int) -> U32:
        return self._tried(lambda: self._read(address, count), f"reading {count} words at {address:#x}")

    def write(self, address: int, values: npt.ArrayLike) -> None:
        words = np.ascontiguousarray(values, dtype=">u4").reshape(-1)
        if self._verify:
            self._tried(lambda: self._write_and_look(address, words), f"writing {len(words)} words at {address:#x}")
        else:
            self._port.send(self._frames(address, words))

    def flush(self) -> None:
        """Writes have no answer: what is read behind them tells that they have gone through."""
        if self._sentinel:
            self._tried(lambda: self._raw(self._sentinel_address, 0), "reading the sentinel")

    def checksum(self, address: int, words: int) -> int:
        return int(google_crc32c.value(self.read(address, words).astype("<u4").tobytes()))

    def quality(self) -> Quality:
        return dataclasses.replace(self._quality, baud=self._port.baud)

    def close(self) -> None:
        self._port.close()

    def answers(self, limit: float) -> bool:
        """Whether the sentinel is read within `limit` seconds: is this a UARTBone, at this rate?"""
        kept, self._timeout = self._timeout, limit * TRIES
        try:
            self._raw(self._sentinel_address, 0)
            return True
        except (_Shifted, LinkError):
            return False
        finally:
            self._timeout = kept

    @property
    def _sentinel_address(self) -> int:
        return self._sentinel[0] if self._sentinel else 0

    def _tried(self, work: Callable[[], U32], what: str) -> U32:
        """Again after every damage, within the time-out."""
        end, tries = time.monotonic() + self._timeout, 0
        while True:
            try:
                return work()
            except _Shifted as damage:
                tries += 1
                if time.monotonic() > end and isinstance(damage, _Silent):
                    remedy = "check baud rate, cable, and that the board holds a bitstream with one of the links"
                    said = f"no answer within {self._timeout:g} s; {remedy}"
                    raise LinkError(f"{self._port.name}: {said}") from damage
                if time.monotonic() > end and tries > 1:
                    remedy = "the line loses or damages bytes: a lower baud rate or another cable?"
                    said = f"{what}: {damage}, {tries} times in {self._timeout:g} s; {remedy}"
                    raise LinkError(f"{self._port.name}: {said}") from damage
                self._resynchronise()
            except PortGone:
                if time.monotonic() > end:
                    raise
                self._port.reopen(end)
                self._resynchronise()

    def _resynchronise(self) -> None:
        """Until the gateware has forgotten what it had, and all that it sent is gone."""
        self._quality.resynchronisations += 1
        self._quality.garbage += self._port.drain(PARSER_LIMIT + MARGIN)

    def _read(self, address: int, count: int) -> U32:
        first = self._raw(address, count)
        if self._verify and not np.array_equal(first, self._raw(address, count)):
            self._quality.checksum_errors += 1
            raise _Shifted("two readings differ")
        return first

    def _write_and_look(self, address: int, words: npt.NDArray[np.uint32]) -> U32:
        self._port.send(self._frames(address, words))
        found = self._raw(address, len(words))
        if not np.array_equal(found, words):
            self._quality.checksum_errors += 1
            self._quality.retransmissions += 1
            raise _Shifted("what was written does not read back")
        return found

    def _frames(self, address: int, words: npt.NDArray[np.uint32]) -> bytes:
        frames = bytearray()
        for place in range(0, len(words), WORDS):
            part = words[place : place + WORDS]
            frames += _head(WRITE, len(part), address + 4 * place) + part.tobytes()
            self._quality.frames += 1
        return bytes(frames)

    def _raw(self, address: int, count: int) -> U32:
        """Words, with the sentinel behind them. _Silent when nothing comes, _Shifted when too little or more."""
        frames = [(address + 4 * place, min(WORDS, count - place)) for place in range(0, count, WORDS)]
        if self._sentinel:
            frames.append((self._sentinel[0], 1))
        answer = bytearray()
        for start, words in frames:
            end, begin = len(answer) + 4 * words, time.monotonic()
            self._port.send(_head(READ, words, start))
            while len(answer) < end:
                answer += self._take(len(answer) > end - 4 * words)
            self._quality.turn_around = min(self._quality.turn_around or 1e9, time.monotonic() - begin)
        self._quality.frames += len(frames)
        return self._checked(answer, 4 * sum(words for _, words in frames), 4 * count)

    def _checked(self, answer: bytearray, total: int, wanted: int) -> U32:
        if len(answer) > total or (self._sentinel and int.from_bytes(answer[-4:], "big") != self._sentinel[1]):
            raise _Shifted("bytes were lost or inserted")
        return np.frombuffer(bytes(answer[:wanted]), ">u4").astype(np.uint32)

    def _take(self, begun: bool) -> bytes:
        limit = min(self._timeout, PARSER_LIMIT + MARGIN) if begun else self._timeout / TRIES
        data = self._port.receive(limit)
        if data:
            return data
        raise _Shifted("bytes were lost") if begun else _Silent


def _head(command: int, words: int, address: int) -> bytes:
    return bytes((command, words)) + (address >> 2).to_bytes(4, "big")
