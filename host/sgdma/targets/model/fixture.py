"""The test fixture around the core: loopback, pattern, card memory, and the switches that make it misbehave."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sgdma.spec.build import BuildParameters
from sgdma.spec.pattern import mix
from sgdma.spec.registers import FIXTURE
from sgdma.spec.status import Port

__all__ = ["Fixture", "mix"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
SIZES = ("memory_bytes", "loopback_bytes")
FIRSTS = ("at_first_ar", "at_first_aw")
COUNTERS = tuple(r.name for r in FIXTURE.registers if r.access == "ro" and r.name not in SIZES)


@dataclass(eq=False)
class Packet:
    """One packet of the loopback buffer: what is there of it, and whether its TLAST came."""

    chunks: deque[U8] = field(default_factory=deque)
    ended: bool = False
    error: bool = False
    begun: bool = False  # its first beat was delivered


class Fixture:
    """User logic. Bytes go in by `accept` and come out by `deliver`; both tell when they can't at present."""

    def __init__(self, build: BuildParameters) -> None:
        self.beat = build.beat_bytes
        self.loopback_bytes, self.capacity = build.loopback_bytes, build.loopback_bytes // build.beat_bytes
        self.memory: U8 = np.zeros(build.memory_bytes, np.uint8)
        self.seed = 0
        self.set_control(0)
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.shown = dict(self.counters)
        self.cycles_from = 0
        self.awaited: set[str] = set()
        self.empty()

    def empty(self) -> None:
        """Forget all packets."""
        self.packets: deque[Packet] = deque()
        self.level = 0  # beats
        self.discarding = False

    def reset(self, now: int) -> None:
        """The register command: empty, and all counters zero."""
        self.empty()
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.shown = dict(self.counters)
        self.cycles_from = now

    def snapshot(self, now: int) -> None:
        """Copy the running counters into those that are shown."""
        self.counters["cycles"] = now - self.cycles_from
        self.shown = dict(self.counters)

    def stamp(self, name: str, time: int) -> None:
        """Something that has a time stamp happened at device cycle `time`; firsts count once after a doorbell."""
        if name in FIRSTS and name not in self.awaited:
            return
        self.awaited = set(FIRSTS) if name == "at_doorbell" else self.awaited - {name}
        self.counters[name] = time - self.cycles_from

    def set_control(self, value: int) -> None:
        """The control register."""
        bits = FIXTURE.register("control").unpack(value)
        self.control = value & sum(field.mask for field in FIXTURE.register("control").fields)
        self._hold_h2c, self._hold_c2h = bool(bits["hold_h2c"]), bool(bits["hold_c2h"])
        self._fail_c2h, self._short_c2h = bool(bits["fail_c2h"]), bool(bits["short_c2h"])

    def beats(self, size: int) -> int:
        """Beats that `size` bytes of a stream take."""
        return -(-size // self.beat)

    # H2C: the core delivers.

    def room(self, port: int) -> int:
        """Bytes that can be accepted now."""
        if self._hold_h2c:
            return 0
        return (self.capacity - self.level) * self.beat if port == Port.LOOPBACK else 1 << 32

    def accept(self, port: int, card: int, data: U8, first: bool, last: bool, broken: bool) -> None:
        """Take the part of a packet that starts at card address `card`; no more than `room`."""
        self.counters["h2c_beats"] += self.beats(len(data))
        if port == Port.LOOPBACK:
            self._push(data, first, last, broken)
        elif card % self.beat:
            self._count_errors(card, self.beats(len(data)))
            self.counters["checked_beats"] += self.beats(len(data)) if port == Port.PATTERN else 0
        elif port == Port.MEMORY:
            self._store(card, data)
        else:
            self._compare(card, data)

    def _push(self, data: U8, first: bool, last: bool, broken: bool) -> None:
        if first or not self.packets or self.packets[-1].ended:
            self.packets.append(Packet())  # not first: the head of the packet went in a reset of the fixture
        packet = self.packets[-1]
        if len(data):
            packet.chunks.append(data)
            self.level += self.beats(len(data))
        packet.ended, packet.error = last, packet.error or broken
        if self.discarding:
            self._discard()

    def _store(self, card: int, data: U8) -> None:
        start, size = card % len(self.memory), len(self.memory)
        while len(data):
            part = data[: size - start]
            self.memory[start : start + len(part)] = part
            data, start = data[len(part) :], 0

    def _compare(self, card: int, data: U8) -> None:
        beats = self.beats(len(data))
        if not beats:
            return
        differs = np.zeros(beats * self.beat, np.bool_)
        differs[: len(data)] = data != self._pattern(card, len(data))
        wrong = np.flatnonzero(differs.reshape(beats, -1).any(axis=1))
        self.counters["checked_beats"] += beats
        if len(wrong):
            self._count_errors(card + int(wrong[0]) * self.beat, len(wrong))

    def _count_errors(self, card: int, beats: int) -> None:
        if beats and not self.counters["check_errors"]:
            self.counters["first_error"] = card & 0xFFFFFFFF
        self.counters["check_errors"] += beats

    def _pattern(self, card: int, size: int) -> U8:
        index = np.arange(card // 4, (card + size + 3) // 4, dtype=np.uint64).astype(np.uint32)
        return mix(index ^ np.uint32(self.seed)).view(np.uint8)[:size]

    # C2H: the core fetches.

    def deliver(self, port: int, card: int, position: int, total: int, most: int) -> tuple[U8, bool, bool] | None:
        """(bytes, TLAST, error): the next part of a packet, of which `position` bytes went before, at most `most`.

        None: nothing to deliver at present.
        """
        if self._hold_c2h:
            return None
        misaligned = port != Port.LOOPBACK and card % self.beat != 0
        cut = self._short_c2h
        if cut:
            most = min(most, self.beat)
        if port == Port.LOOPBACK:
            part = self._pull(most)
            if part is None:
                return None
            data, last, error = part
        else:
            data = self._load(card + position, most) if port == Port.MEMORY else self._pattern(card + position, most)
            last, error = position + len(data) == total, misaligned and position + len(data) == total
        if cut and not last:
            last = True
            if port == Port.LOOPBACK:
                self.drop()
        self.counters["c2h_beats"] += self.beats(len(data))
        return data, last, error or (last and self._fail_c2h)

    def _load(self, card: int, size: int) -> U8:
        places = np.arange(card, card + size) % len(self.memory)
        return self.memory[places]

    def _pull(self, most: int) -> tuple[U8, bool, bool] | None:
        if self.discarding or not self.packets:
            return None
        packet, parts, taken = self.packets[0], [], 0
        while packet.chunks and taken < most:
            chunk = packet.chunks.popleft()
            self.level -= self.beats(len(chunk))
            if len(chunk) > most - taken:
                packet.chunks.appendleft(chunk[most - taken :])
                self.level += self.beats(len(packet.chunks[0]))
                chunk = chunk[: most - taken]
            parts.append(chunk)
            taken += len(chunk)
        last = packet.ended and not packet.chunks
        if not taken and not last:
            return None
        if last:
            self.packets.popleft()
        data = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, np.uint8)
        return data, last, last and packet.error

    def drop(self) -> None:
        """The core cancelled: what is left of the packet it was reading goes, as it comes, up to TLAST."""
        self.discarding = True
        self._discard()

    def _discard(self) -> None:
        if not self.packets:
            return
        packet = self.packets[0]
        self.level -= sum(self.beats(len(chunk)) for chunk in packet.chunks)
        packet.chunks.clear()
        if packet.ended:
            self.packets.popleft()
            self.discarding = False
