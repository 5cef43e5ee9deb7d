"""Single transfers: every legal place and length, scattered and whole, to the last byte."""

from __future__ import annotations

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.errors import Unplannable
from sgdma.rules import Direction, RuleSet, check_batch
from sgdma.spec.status import Port
from sgdma.suite.accounts import Ledger
from sgdma.suite.helpers import (
    BOTH,
    Ground,
    beat,
    card_image,
    expected_crc,
    fit,
    hard_times,
    noise,
    pattern,
    step,
    submit,
    write_card,
)
from sgdma.suite.legal import period

SIZES = (1, 10, 127, 128, *range(1021, 1025), *range(4095, 4100), *range(8189, 8193))
OFFSETS = (1, 2, 3, 4, *range(2045, 2050), *range(4091, 4096))
CLASSES = 160
FEASIBLE = 4 << 20
"""Largest request that is worth the time of a simulation."""
both_ways = pytest.mark.parametrize("direction", list(Direction), ids=lambda way: way.name)


def bring(
    dma: Dma, ground: Ground, transfers: list[tuple[Transfer, list[tuple[int, int]]]], data: list[np.ndarray]
) -> None:
    """Wait for reads and enter what they brought."""
    for (transfer, segments), part in zip(transfers, data, strict=True):
        done = transfer.result()
        assert done.bytes_moved == len(part)
        assert done.crc32c == expected_crc(dma, part)
        ground.received(segments, part)
    ground.verify()


@both_ways
def test_every_legal_offset_and_length_goes_directly(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger, direction: Direction
) -> None:
    """Single segments at every residue and length class that the rules allow, through the pattern port."""
    side, span = dma.rules.direction(direction), period(dma.rules.direction(direction))
    unit = max(side.tail_align, side.total_align)
    lengths = unit * np.arange(1, max(130 // unit, 4))
    lengths = np.unique(np.concatenate((lengths, [-(-1000 // unit) * unit, -(-span // unit) * unit])))
    grid = np.stack(np.meshgrid(np.arange(span), lengths, indexing="ij"), -1).reshape(-1, 2)
    places = ground.buffer.iova + grid[:, 0]
    verdict = check_batch(dma.rules, direction, places.astype(np.uint64), grid[:, 1].astype(np.uint64),
                          np.arange(len(grid) + 1))  # fmt: skip
    legal = grid[verdict.rule == 0]
    assert len(legal), "the rules allow no request of one segment"
    # One of every offset and of every length, and some more.
    legal = rng.permutation(legal)
    chosen = np.concatenate([np.unique(legal[:, axis], return_index=True)[1] for axis in (0, 1)])
    chosen = rng.permutation(np.unique(np.concatenate((chosen, rng.integers(0, len(legal), CLASSES)))))[:CLASSES]
    stride = -(-(int(lengths.max()) + span) // span) * span + span
    most = ground.buffer.size // stride
    rows = legal[chosen][:most]
    starts = ground.buffer.iova + stride * np.arange(len(rows)) + rows[:, 0]
    good = check_batch(dma.rules, direction, starts.astype(np.uint64), rows[:, 1].astype(np.uint64),
                       np.arange(len(rows) + 1)).rule == 0  # fmt: skip
    starts, rows = starts[good], rows[good]
    seed = int(rng.integers(0, 1 << 32))
    dma.fixture.write("seed", seed)
    if direction is Direction.H2C:
        for start, size in zip(starts.tolist(), rows[:, 1].tolist(), strict=True):
            ground.received([(start, size)], pattern(seed, 0, size))
        ground.put()
    batch = dma.submit_batch(direction, starts, rows[:, 1], port=Port.PATTERN)
    assert not batch.bounced.any(), "a legal request was bounced"
    records = batch.result()
    expected = [pattern(seed, 0, size) for size in rows[:, 1].tolist()]
    assert records["bytes_moved"].tolist() == rows[:, 1].tolist()
    assert records["crc32c"].tolist() == [expected_crc(dma, part) for part in expected]
    if direction is Direction.C2H:
        for start, part in zip(starts.tolist(), expected, strict=True):
            ground.received([(start, len(part))], part)
    ground.verify()
    assert dma.fixture.read("check_errors") == 0, f"first at card address {dma.fixture.read('first_error'):#x}"
    ledger.balance()


@pytest.mark.parametrize("size", SIZES)
def test_corner_sizes_at_corner_offsets_arrive_byte_by_byte(
    dma: Dma, rng: np.random.Generator, ground: Ground, size: int
) -> None:
    """Any size at any offset, by way of the planner, to the card and back; sizes as near as the rules can say."""
    legal, width, base = fit(dma, size), beat(dma), ground.buffer.iova
    stride, room = (legal + 4096 + 8192) // 4096 * 4096, dma.fixture.read("memory_bytes")
    card_stride = -(-legal // width) * width
    most = min(room // card_stride, ground.buffer.size // (2 * stride), 8)
    chosen = rng.permutation(OFFSETS)[: max(1, most)].tolist()
    sent, expected = [], []
    for index, offset in enumerate(chosen):
        start = stride * index + offset
        data = ground.expected[start : start + legal].copy()
        expected.append(data)
        sent.append(dma.write((base + start, legal), card_address=index * card_stride))
    for transfer, data in zip(sent, expected, strict=True):
        assert transfer.result().crc32c == expected_crc(dma, data)
    half = ground.buffer.size // 2
    places = [(base + half + stride * index + offset, legal) for index, offset in enumerate(reversed(chosen))]
    reads = [(dma.read(place, card_address=index * card_stride), [place]) for index, place in enumerate(places)]
    bring(dma, ground, reads, expected)


@both_ways
@pytest.mark.parametrize("count", [2, 3, 17, 64])
def test_scattered_segments_form_one_stream(
    dma: Dma, rng: np.random.Generator, ground: Ground, direction: Direction, count: int
) -> None:
    """Legal segments of many lengths, directly: gathered in order, or scattered in order."""
    if dma.rules.direction(direction).max_segments < 2:
        pytest.skip(f"rules {dma.rules.name}: a request of this direction has one segment only")
    room = dma.fixture.read("memory_bytes")
    made = ground.compose(direction, count, max(8, min(200, room // (2 * count))))
    image = noise(rng, -(-made.total // 512) * 512) if made.total <= room // 512 * 512 else None
    if image is None:
        pytest.skip(f"rules {dma.rules.name}: {count} segments are {made.total} bytes, card memory has {room}")
    if direction is Direction.C2H:
        write_card(dma, 0, image)
        ground.received(made.segments, image)
        submit(dma, made).result()
    else:
        assert submit(dma, made).result().crc32c == expected_crc(dma, ground.data(made))
        size = -(-made.total // step(dma)) * step(dma)
        assert np.array_equal(card_image(dma, 0, size)[: made.total], ground.data(made))
    ground.verify()


@both_ways
def test_a_request_of_the_most_segments_is_carried_out(
    dma: Dma, rng: np.random.Generator, direction: Direction, ledger: Ledger
) -> None:
    """As many segments as rules and ring allow, through the pattern port."""
    side = dma.rules.direction(direction)
    number = 0 if direction is Direction.H2C else min(1, len(dma.queues) - 1)
    ring = dma.queue(number).sq.size
    large = Ground(dma, rng, 8 << 20)
    made = large.compose(direction, min(side.max_segments, ring - 1), 1)
    assert len(made.segments) == min(side.max_segments, ring - 1)
    data = pattern(0, 0, made.total)
    large.received(made.segments, data)
    if direction is Direction.H2C:
        large.buffer.array[:] = large.expected
        dma.arena.push(np.array([large.buffer.iova]), np.array([large.buffer.size]))
    done = submit(dma, made, Port.PATTERN).result()
    assert done.bytes_moved == made.total
    assert done.crc32c == expected_crc(dma, data)
    large.verify()
    assert dma.fixture.read("check_errors") == 0
    ledger.balance()


def feasible(rules: RuleSet) -> bool:
    """Whether a largest request can be sent in a test."""
    return any(rules.direction(way).max_request_size <= FEASIBLE for way in BOTH)


@both_ways
@pytest.mark.needs_rules(feasible, f"the largest request is above {FEASIBLE} bytes, too long for a test")
def test_a_request_of_the_most_bytes_is_carried_out(dma: Dma, direction: Direction) -> None:
    """One request of max_request_size, or of what the ring holds, as the planner cuts it."""
    side = dma.rules.direction(direction)
    if side.max_request_size > FEASIBLE:
        pytest.skip(f"rules {dma.rules.name}: the largest request of this direction is above {FEASIBLE} bytes")
    number = 0 if direction is Direction.H2C else min(1, len(dma.queues) - 1)
    unit, align = step(dma, direction), max(period(side), 64)
    total = side.max_request_size // unit * unit
    most = min(side.max_segments, dma.queue(number).sq.size - 1) - 2
    total = min(total, most * min(side.max_segment_size, 1 << 20))
    total = max(total // align * align, unit) if total < side.max_request_size else total
    buffer = dma.buffer(total, max(align, 4096), residue=side.skew_residue)
    if direction is Direction.H2C:
        buffer.array[:] = pattern(0, 0, total)
        dma.arena.push(np.array([buffer.iova]), np.array([buffer.size]))
    try:
        transfer = dma.submit(direction, buffer, port=Port.PATTERN)
    except Unplannable as error:
        pytest.skip(f"rules {dma.rules.name}: no plan for {total} bytes in one piece: {error}")
    done = transfer.result()
    assert done.bytes_moved == total
    assert np.array_equal(buffer.array, pattern(0, 0, total))
    assert dma.fixture.read("check_errors") == 0


def test_pieces_of_no_length_change_nothing(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """Empty pieces before, between and behind the others are no segments."""
    size, base = fit(dma, 600), ground.buffer.iova
    cut = size // 3
    pieces = [(base, 0), (base + 64, cut), (base + 7000, 0), (base + 9000, size - cut), (base + 1, 0)]
    expected = np.concatenate([ground.expected[64 : 64 + cut], ground.expected[9000 : 9000 + size - cut]])
    dma.write(pieces).result()
    back = [(base + 30_000, 0), (base + 40_000, cut), (base + 50_000, size - cut), (base + 60_000, 0)]
    dma.read(back).result()
    ground.received([place for place in back if place[1]], expected)
    ground.verify()


def test_segments_on_both_sides_of_every_page_line(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """Buffers that end at, start at, touch and straddle 4 KiB lines."""
    size, base, line = fit(dma, 512), ground.buffer.iova, 4096
    starts = [line - size, line, line - size // 2, line - 1, line + 1, line - size - 1, line - size + 1]
    writes, data = [], []
    stride = -(-(size + 2 * line) // line) * line
    card = -(-size // beat(dma)) * beat(dma)
    for index, start in enumerate(starts):
        place = index * stride + max(start, 0) + line
        data.append(ground.expected[place : place + size].copy())
        writes.append(dma.write((base + place, size), card_address=card * index))
    for transfer in writes:
        transfer.result()
    half = ground.buffer.size // 2
    places = [(base + half + index * stride + max(start, 0) + line, size) for index, start in enumerate(starts)]
    reads = [(dma.read(place, card_address=card * index), [place]) for index, place in enumerate(places)]
    bring(dma, ground, reads, data)


def test_time_stamps_rise_and_lie_between_doorbell_and_now(dma: Dma) -> None:
    """The record's time is of the device's clock, and of the time of the transfer."""
    size, before = fit(dma, 256), dma.registers.read64("time")
    stamps = [dma.write(bytes(size)).result().timestamp for _ in range(10)]
    after = dma.registers.read64("time")
    assert before < stamps[0]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] < after


def test_checksums_are_those_of_the_library_under_hard_conditions(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger
) -> None:
    """CRC32C in both directions, of lengths that end anywhere in a beat, with slow and jittery memory."""
    hard_times(dma, rng)
    unit, most = step(dma), fit(dma, 1500)
    for _ in range(24):
        size = max(int(rng.integers(1, most // unit + 1)) * unit, fit(dma, 1))
        start = int(rng.integers(0, ground.buffer.size // 2 - size))
        data = ground.expected[start : start + size].copy()
        there = dma.write((ground.buffer.iova + start, size)).result()
        place = (ground.buffer.iova + ground.buffer.size // 2 + start, size)
        back = dma.read(place).result()
        assert there.crc32c == back.crc32c == expected_crc(dma, data)
        assert there.bytes_moved == back.bytes_moved == size
        ground.received([place], data)
    ground.verify()
    ledger.balance()


def test_foreign_memory_travels_too(dma: Dma, rng: np.random.Generator) -> None:
    """Plain numpy arrays and bytes of any shape, staged by the driver."""
    size = fit(dma, 1200)
    data = noise(rng, size)
    sink = np.zeros(size, np.uint8)
    dma.write([data[: size // 2].tobytes(), data[size // 2 :].copy()]).result()
    dma.read([sink[: size // 4], sink[size // 4 :]]).result()
    assert np.array_equal(sink, data)
