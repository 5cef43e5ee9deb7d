"""What the suite's tests share: memory with a known content, lengths that every rule set can move, hard conditions."""

from __future__ import annotations

from collections.abc import Iterable

import google_crc32c
import numpy as np
import numpy.typing as npt

from sgdma.engine.buffers import DmaBuffer
from sgdma.engine.device import Dma
from sgdma.engine.transfer import Completion, Transfer
from sgdma.rules import Direction
from sgdma.spec.status import Port
from sgdma.suite.legal import Composer, Legal, period
from sgdma.targets import Capability

__all__ = ["BOTH", "Ground", "alive", "beat", "card_image", "crc_of", "expected_crc", "fit", "hard_times", "least",
           "mix", "noise", "outcome", "pattern", "step", "submit", "vectors", "write_card"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
BOTH = tuple(Direction)


def noise(rng: np.random.Generator, size: int) -> U8:
    """`size` random bytes."""
    return rng.integers(0, 256, size, np.uint8)


def beat(dma: Dma) -> int:
    """Bytes of a beat of the bus: what card addresses are multiples of."""
    return dma.identity.data_width // 8


def step(dma: Dma, *directions: Direction) -> int:
    """What the total length of a request must be a multiple of, in these directions (none: both)."""
    sides = [dma.rules.direction(way) for way in directions or BOTH]
    return max(max(side.total_align, side.tail_align) for side in sides)


def least(dma: Dma, *directions: Direction) -> int:
    """The shortest request that can be sent in these directions (none: both)."""
    sides = [dma.rules.direction(way) for way in directions or BOTH]
    unit = step(dma, *directions)
    return -(-max(side.min_segment_size for side in sides) // unit) * unit


def fit(dma: Dma, size: int, *directions: Direction) -> int:
    """The length nearest above `size` (below, at the rules' limit) that these directions (none: both) can move."""
    sides = [dma.rules.direction(way) for way in directions or BOTH]
    unit, most = step(dma, *directions), min(side.max_request_size for side in sides)
    for side in sides:  # short of it where many pieces of the largest size do not make it
        most = min(most, side.max_segment_size * max(side.max_segments - 2, 1))
        if side.max_segments == 1 and side.max_last_segment:
            most = min(most, side.max_last_segment)
    return max(min(-(-size // unit) * unit, most // unit * unit), least(dma, *directions))


def crc_of(data: U8) -> int:
    """CRC32C by the library."""
    return int(google_crc32c.value(data.tobytes()))


def expected_crc(dma: Dma, data: U8) -> int:
    """What the completion of a good request with this payload carries."""
    return crc_of(data) if dma.identity.crc else 0


def mix(words: U32) -> U32:
    """The pattern port's xorshift, from the words of docs/device.md."""
    words = words ^ (words << np.uint32(13))
    words = words ^ (words >> np.uint32(17))
    return words ^ (words << np.uint32(5))


def pattern(seed: int, card: int, size: int) -> U8:
    """What the pattern port holds at card address `card`, a multiple of 4."""
    index = np.arange(card // 4, -(-(card + size) // 4), dtype=np.uint64).astype(np.uint32)
    return mix(index ^ np.uint32(seed)).astype("<u4").view(np.uint8)[:size].copy()


def hard_times(dma: Dma, rng: np.random.Generator) -> None:
    """Memory of bad manners, where it can have them: late, jittery, not ready at random, answers out of order."""
    if Capability.FAULT_INJECTION in dma.target.capabilities:
        dma.target.faults.timing(latency=int(rng.integers(4, 60)), jitter=int(rng.integers(8, 60)),
                                 backpressure=int(rng.integers(20, 90)), out_of_order=True)  # fmt: skip


def submit(dma: Dma, made: Legal, port: Port = Port.MEMORY, queue: int | None = None) -> Transfer:
    """Send a legal request, which must then go directly, segment by segment as it is."""
    transfer = dma.submit(made.direction, list(made.segments), card_address=made.card, port=port, queue=queue)
    assert not transfer.batch.bounced.any(), f"{dma.rules.name}: a legal request was bounced: {made}"
    return transfer


def outcome(transfer: Transfer) -> Completion:
    """The completion, whatever its status."""
    done = transfer.wait()
    assert done is not None, f"ended without a completion: {transfer.error}"
    return done


def vectors(dma: Dma) -> int:
    """Mask of all interrupt vectors, the error vector included."""
    return (1 << len(dma.queues) + 1) - 1


def write_card(dma: Dma, card: int, data: U8) -> None:
    """Fill card memory; through the driver, in requests that any rule set can plan."""
    _along(dma, Direction.H2C, card, data)


def card_image(dma: Dma, card: int, size: int) -> U8:
    """Card memory as it is now; `card` a multiple of the beat, `size` of :func:`step`."""
    image = np.zeros(size, np.uint8)
    _along(dma, Direction.C2H, card, image)
    return image


def _along(dma: Dma, direction: Direction, card: int, data: U8) -> None:
    unit = max(step(dma), 64)
    chunk = max(fit(dma, 8192) // unit, 1) * unit
    transfers = [
        dma.submit(direction, data[place : place + chunk], card_address=card + place)
        for place in range(0, len(data), chunk)
    ]
    for transfer in transfers:
        transfer.result()


FAR_GROUND = 3 << 17
"""Bytes of a Ground where each one must cross a link."""
MARGIN = 4096
"""Bytes beyond the last request that a Ground looks at where each one must cross a link."""


class Ground:
    """A guarded stretch of host memory full of noise, and what it must hold afterwards.

    Requests are laid into it by :meth:`compose`; :meth:`received` says what a read brought. :meth:`verify` compares
    every byte, those between and around the segments included. Where memory is not shared with the device, only what
    was used, and a margin behind it, is noise and is compared: all of it once :attr:`buffer` was asked for.
    """

    def __init__(self, dma: Dma, rng: np.random.Generator, size: int = 0) -> None:
        """`size` bytes; 0: what the tests need, more where segments take whole pages."""
        self.dma, self.rng = dma, rng
        coarse = max(period(dma.rules.direction(way)) for way in Direction) > 512
        far = min(FAR_GROUND, dma.target.memory_bytes // 4)
        size = size or (6 << 20 if coarse else 1 << 20 if dma.arena.direct else far)
        self._buffer: DmaBuffer = dma.buffer(size, 4096)
        self._buffer.array[:] = noise(rng, size)
        self.expected = self._buffer.array.copy()
        self._composers: dict[Direction, Composer] = {}
        half = size // 2
        self._shown: dict[Direction, tuple[int, int]] = {}  # parts that the device has, as offsets
        for index, way in enumerate(Direction):
            start = self._buffer.iova + index * half
            self._composers[way] = Composer(dma.rules, way, start, half, rng)
            self._shown[way] = index * half, index * half
        if dma.arena.direct:
            self._show_all()

    @property
    def buffer(self) -> DmaBuffer:
        """All of the memory."""
        self._show_all()
        return self._buffer

    def compose(self, direction: Direction, count: int = 1, length: int = 64, card: int = 0) -> Legal:
        """A legal request in this memory, apart from all others."""
        made = self._composers[direction].request(count, length, card)
        self._show(direction, self._composers[direction].cursor - self._buffer.iova + MARGIN)
        return made

    def data(self, made: Legal) -> U8:
        """The bytes of a request as they were put there or are expected."""
        return np.concatenate([self.expected[self.place(address, length)] for address, length in made.segments])

    def received(self, segments: Iterable[tuple[int, int]], data: U8) -> None:
        """These segments, one after the other, now hold `data`."""
        place = 0
        for address, length in segments:
            part = data[place : place + length]
            self.expected[self.place(address, len(part))] = part
            place += length

    def now(self) -> U8:
        """The whole memory as the device left it."""
        parts = np.array(list(self._shown.values()), np.int64)
        self.dma.arena.pull(self._buffer.iova + parts[:, 0], parts[:, 1] - parts[:, 0])
        return self._buffer.array

    def put(self) -> None:
        """Write what is expected into memory: :meth:`received` has said what."""
        self._buffer.array[:] = self.expected
        parts = np.array(list(self._shown.values()), np.int64)
        self.dma.arena.push(self._buffer.iova + parts[:, 0], parts[:, 1] - parts[:, 0])

    def verify(self) -> None:
        """Every byte is as expected."""
        __tracebackhide__ = True
        if not self.dma.arena.direct:
            self._buffer.array[:] = self.expected  # a board whose checksum says the same need not send it
        wrong = np.flatnonzero(self.now() != self.expected)
        if len(wrong):
            place = int(wrong[0])
            near = slice(max(place - 8, 0), place + 24)
            raise AssertionError(
                f"{len(wrong)} bytes differ, {wrong[0]:#x}..{wrong[-1]:#x} of the memory at {self._buffer.iova:#x}; "
                f"the first: expected {self.expected[near].tobytes().hex()}, "
                f"got {self._buffer.array[near].tobytes().hex()}"
            )

    def place(self, address: int, length: int) -> slice:
        """Where a segment lies in the memory."""
        return slice(address - self._buffer.iova, address - self._buffer.iova + length)

    def _show_all(self) -> None:
        half = self._buffer.size // len(self._shown)
        for index, way in enumerate(self._shown):
            self._show(way, (index + 1) * half)

    def _show(self, way: Direction, end: int) -> None:
        """Let the device have this direction's part up to the offset `end`."""
        start, shown = self._shown[way]
        end = min(end, (start // (self._buffer.size // 2) + 1) * (self._buffer.size // 2))
        if end > shown:
            self.dma.arena.push(np.array([self._buffer.iova + shown]), np.array([end - shown]))
            self._shown[way] = start, end


def alive(dma: Dma, ground: Ground, queue: int = 0) -> None:
    """Both directions of a queue work, and what is read is what it should be: nothing is left of what went before."""
    for direction in BOTH:
        made = ground.compose(direction, 2, 100)
        assert submit(dma, made, Port.PATTERN, queue=queue).result().ok
        if direction is Direction.C2H:
            ground.received(made.segments, pattern(0, 0, made.total))
            got = np.concatenate([ground.now()[ground.place(*segment)] for segment in made.segments])
            assert np.array_equal(got, ground.data(made))
