"""Every byte arrives where it belongs, and no other byte changes: in host memory, on the card, in the streams."""

from __future__ import annotations

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.rules import Direction
from sgdma.spec.status import Port
from sgdma.suite.accounts import Ledger
from sgdma.suite.helpers import (
    Ground,
    beat,
    card_image,
    expected_crc,
    fit,
    hard_times,
    least,
    noise,
    outcome,
    pattern,
    step,
    submit,
    write_card,
)

Places = list[tuple[int, int]]


def scatter(rng: np.random.Generator, base: int, size: int, pieces: int, room: int) -> Places:
    """`size` bytes as so many pieces of any length anywhere in ``base .. base + room``, none touching another."""
    cuts = np.zeros(0, np.int64)
    if size > 1 and pieces > 1:
        cuts = np.sort(rng.choice(size - 1, min(pieces, size) - 1, replace=False)) + 1
    lengths = np.diff(np.concatenate(([0], cuts, [size]))).astype(int)
    free = room - size - len(lengths)
    gaps = np.sort(rng.integers(0, max(free, 1), len(lengths)))
    starts = base + gaps + np.cumsum(lengths + 1) - lengths
    order = rng.permutation(len(lengths))
    return [(int(starts[index]), int(lengths[index])) for index in order]


def gathered(ground: Ground, places: Places) -> np.ndarray:
    """What lies in these places, one after the other."""
    return np.concatenate([ground.expected[start - ground.buffer.iova :][:length] for start, length in places])


@pytest.mark.parametrize("pieces", [1, 3, 9, 40])
def test_scattered_memory_goes_to_the_card_and_back_byte_by_byte(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger, pieces: int
) -> None:
    """Random pieces, never overlapping, at any address, through the planner; all memory compared."""
    hard_times(dma, rng)
    half = ground.buffer.size // 2
    for _ in range(6):
        size = fit(dma, int(rng.integers(1, 5000)))
        there = scatter(rng, ground.buffer.iova, size, pieces, min(half, 60_000))
        back = scatter(rng, ground.buffer.iova + half, size, pieces, min(half, 60_000))
        data = gathered(ground, there)
        assert dma.write(there).result().crc32c == expected_crc(dma, data)
        assert dma.read(back).result().crc32c == expected_crc(dma, data)
        ground.received(back, data)
        ground.verify()
    ledger.balance()


@pytest.mark.parametrize("shape", ["tiny", "odd", "page-crossing", "backwards"])
def test_hostile_buffers_travel_through_the_planner(
    dma: Dma, rng: np.random.Generator, ground: Ground, shape: str
) -> None:
    """Single bytes, odd addresses and lengths, pieces over page lines, addresses in falling order."""
    size, base, half = fit(dma, 300), ground.buffer.iova, ground.buffer.size // 2
    shapes = {"tiny": [1] * min(size, 40), "odd": [1, 3, 5, 7, 9, 31], "page-crossing": [], "backwards": [20] * 5}
    lengths = shapes[shape]
    lengths = [*lengths, size - sum(lengths)] if sum(lengths) < size else [1] * size

    def pieces(start: int) -> Places:
        if shape == "page-crossing":
            place = start + 4096 - size // 2
            return [(place, size)]
        stride = max(lengths) + 77
        starts = [start + 1 + stride * index for index in range(len(lengths))]
        return list(zip(reversed(starts) if shape == "backwards" else starts, lengths, strict=True))

    there, back = pieces(base), pieces(base + half)
    data = gathered(ground, there)
    dma.write(there).result()
    dma.read(back).result()
    ground.received(back, data)
    ground.verify()


@pytest.mark.parametrize("tail", ["one byte", "one short of a beat", "one beat", "one more than a beat"])
def test_card_memory_is_written_to_the_byte_at_the_tail(dma: Dma, rng: np.random.Generator, tail: str) -> None:
    """A write that ends anywhere in a beat changes not one byte behind it."""
    width, unit = beat(dma), step(dma, Direction.H2C)
    size = {"one byte": 1, "one short of a beat": width - 1, "one beat": width, "one more than a beat": width + 1}[tail]
    size = -(-max(size, least(dma, Direction.H2C)) // unit) * unit
    room = -(-(3 * size + 8 * width) // (64 * step(dma))) * 64 * step(dma)
    image = noise(rng, room)
    write_card(dma, 0, image)
    card = -(-size // width) * width + 2 * width
    data = noise(rng, size)
    done = dma.write(data, card_address=card).result()
    assert done.bytes_moved == size
    image[card : card + size] = data
    assert np.array_equal(card_image(dma, 0, room), image)


def test_neighbours_on_the_card_are_not_touched(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """Forty writes to separate places, many in flight; what lies between stays."""
    hard_times(dma, rng)
    size = fit(dma, 60, Direction.H2C)
    stride = (-(-size // beat(dma)) + 2) * beat(dma)
    count = min(40, dma.fixture.read("memory_bytes") // stride - 1)
    room = -(-count * stride // (64 * step(dma))) * 64 * step(dma)
    count = min(count, dma.fixture.read("memory_bytes") // stride, room // stride)
    image = noise(rng, min(room, dma.fixture.read("memory_bytes")))
    write_card(dma, 0, image)
    with dma.batch():
        transfers = []
        for index in rng.permutation(count).tolist():
            start = int(rng.integers(0, ground.buffer.size // 2 - size))
            transfers.append(dma.write((ground.buffer.iova + start, size), card_address=index * stride))
            image[index * stride : index * stride + size] = ground.expected[start : start + size]
    for transfer in transfers:
        transfer.result()
    assert np.array_equal(card_image(dma, 0, len(image)), image)
    ground.verify()


def test_card_addresses_wrap_at_the_end_of_card_memory(dma: Dma, rng: np.random.Generator) -> None:
    """A request over the last byte goes on at the first; high address bits are ignored."""
    room, width, size = dma.fixture.read("memory_bytes"), beat(dma), fit(dma, 512)
    before = max(size // 2 // width * width, width)
    data = noise(rng, size)
    dma.write(data, card_address=room - before).result()
    back = np.zeros(size, np.uint8)
    dma.read(back, card_address=5 * room - before).result()
    assert np.array_equal(back, data)
    if size > before and (size - before) % step(dma) == 0 and size - before >= least(dma):
        assert np.array_equal(card_image(dma, 0, size - before), data[before:])


@pytest.mark.parametrize("seed", [0, 1, 0xFFFFFFFF, 0x12345678])
def test_the_generated_pattern_is_that_of_the_document(
    dma: Dma, rng: np.random.Generator, ground: Ground, seed: int
) -> None:
    """Words of the xorshift at card addresses low and high, against a reference of the suite's own."""
    dma.fixture.write("seed", seed)
    size = fit(dma, 700, Direction.C2H)
    for number, card in enumerate((0, beat(dma), 64 * 997, (1 << 34) - 256, (1 << 47) + 4096)):
        card = card // max(beat(dma), 8) * max(beat(dma), 8)
        place = (ground.buffer.iova + 3000 * number + ground.buffer.size // 2, size)
        done = dma.read(place, port=Port.PATTERN, card_address=card).result()
        expected = pattern(seed, card, size)
        assert done.crc32c == expected_crc(dma, expected)
        ground.received([place], expected)
    ground.verify()


def test_the_checker_counts_exactly_the_beats_that_differ(dma: Dma, rng: np.random.Generator) -> None:
    """Right data: none. One byte flipped in each of some beats: as many, the first at its address."""
    width, size = beat(dma), fit(dma, 4096, Direction.H2C)
    card, beats = 64 * 11, -(-size // beat(dma))
    data = pattern(0xABCD, card, size)
    dma.fixture.write("seed", 0xABCD)
    dma.write(data, port=Port.PATTERN, card_address=card).result()
    assert (dma.fixture.read("checked_beats"), dma.fixture.read("check_errors")) == (beats, 0)
    wrong = np.sort(rng.choice(max(beats - 1, 1), min(7, max(beats - 1, 1)), replace=False))
    data[wrong * width + rng.integers(0, min(width, size), len(wrong))] ^= 0x10
    dma.write(data, port=Port.PATTERN, card_address=card).result()
    assert dma.fixture.read("check_errors") == len(wrong)
    assert dma.fixture.read("first_error") == card + int(wrong[0]) * width
    dma.fixture.write("command", reset=1)
    assert (dma.fixture.read("checked_beats"), dma.fixture.read("check_errors")) == (0, 0)


def test_loopback_returns_packets_in_order_and_whole(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger
) -> None:
    """Packets of random size through the loopback port, many in flight: each read gets its own packet."""
    hard_times(dma, rng)
    unit, half = step(dma), ground.buffer.size // 2
    pairs: list[tuple[Transfer, Transfer, tuple[int, int], np.ndarray]] = []
    with dma.batch():
        for index in range(60):
            size = fit(dma, max(int(rng.integers(1, 900)) // unit * unit, least(dma)))
            start = min(index * 2000, half - size) + int(rng.integers(0, 64))
            start = min(start, half - size)
            back = (ground.buffer.iova + half + index * (half // 60 // 64 * 64), size)
            write = dma.write((ground.buffer.iova + start, size), port=Port.LOOPBACK)
            read = dma.read(back, port=Port.LOOPBACK)
            pairs.append((write, read, back, ground.expected[start : start + size].copy()))
    for write, read, back, data in pairs:
        assert write.result().crc32c == read.result().crc32c == expected_crc(dma, data)
        ground.received([back], data)
    ground.verify()
    ledger.balance()


def test_a_loopback_packet_of_another_length_is_a_stream_error(dma: Dma, ground: Ground) -> None:
    """Shorter and longer than the read that fetches it; the next pair is right again."""
    short, long = fit(dma, 200), fit(dma, 1000)
    if short == long:
        pytest.skip(f"rules {dma.rules.name}: only one length of request")
    buffer = dma.buffer(long, 4096)
    for sent, wanted in ((short, long), (long, short)):
        dma.write(buffer[:sent], port=Port.LOOPBACK).result()
        done = dma.read(buffer[:wanted], port=Port.LOOPBACK).wait()
        assert done is not None
        assert done.status_name == "STREAM_ERROR"
    data = ground.expected[:short].copy()
    dma.write((ground.buffer.iova, short), port=Port.LOOPBACK).result()
    place = (ground.buffer.iova + ground.buffer.size // 2, short)
    assert dma.read(place, port=Port.LOOPBACK).result().crc32c == expected_crc(dma, data)
    ground.received([place], data)
    ground.verify()


def test_a_loopback_packet_that_ends_within_the_last_beats_is_a_stream_error(
    dma: Dma, rng: np.random.Generator, ground: Ground
) -> None:
    """Short by one unit of the rules up to two beats, to any place in memory: each read ends, and the next is right."""
    unit, width, short = step(dma), beat(dma), 0
    missing = {unit, 2 * unit, width - unit, width, width + unit, 2 * width - unit, 2 * width, 2 * width + unit}
    for made in [ground.compose(Direction.C2H, 2, 5 * width) for _ in range(8)]:
        if fit(dma, made.total, Direction.H2C) != made.total:
            continue
        data = noise(rng, made.total)
        for sent in sorted({fit(dma, made.total - less, Direction.H2C) for less in missing if 0 < less < made.total}):
            if sent < made.total:
                dma.write(data[:sent], port=Port.LOOPBACK).result()
                assert outcome(submit(dma, made, Port.LOOPBACK)).status_name == "STREAM_ERROR"
                short += 1
        dma.write(data, port=Port.LOOPBACK).result()
        assert submit(dma, made, Port.LOOPBACK).result().crc32c == expected_crc(dma, data)
        ground.received(made.segments, data)
    if not short:
        pytest.skip(f"rules {dma.rules.name}: requests of neither direction are a little shorter than the other's")
    ground.verify()


def test_a_write_larger_than_the_loopback_buffer_streams_through(dma: Dma, rng: np.random.Generator) -> None:
    """One packet that can't be buffered whole: reading starts while writing goes on."""
    size = fit(dma, 3 * dma.fixture.read("loopback_bytes"))
    if size <= dma.fixture.read("loopback_bytes"):
        pytest.skip(f"rules {dma.rules.name}: the largest request fits the loopback buffer")
    data, sink = noise(rng, size), np.zeros(size, np.uint8)
    write = dma.write(data, port=Port.LOOPBACK)
    read = dma.read(sink, port=Port.LOOPBACK)
    assert write.result().crc32c == read.result().crc32c == expected_crc(dma, data)
    assert np.array_equal(sink, data)


def test_segments_back_to_back_leave_no_seam(dma: Dma, ground: Ground) -> None:
    """Requests of many legal segments each, read and written at once; guards between all segments."""
    reads = [ground.compose(Direction.C2H, 8, 30) for _ in range(12)]
    writes = [ground.compose(Direction.H2C, 8, 30) for _ in range(12)]
    with dma.batch():
        transfers = [submit(dma, made, Port.PATTERN) for pair in zip(reads, writes, strict=True) for made in pair]
    for transfer in transfers:
        transfer.result()
    for made in reads:
        ground.received(made.segments, pattern(0, 0, made.total))
    ground.verify()
