"""What only a PCI function can show: function-level reset under load, isolation, and memory mapped where it lies."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.errors import DeviceReset
from sgdma.rules import Direction
from sgdma.spec.pcie import RECEIVED_MASTER_ABORT, STATUS, STATUS_ERRORS
from sgdma.spec.status import Port
from sgdma.suite.helpers import BOTH, Ground, alive, card_image, fit, noise, outcome, pattern, step, submit, write_card
from sgdma.targets.pcie import PcieTarget

PAGE = 4096
ABORTED = STATUS_ERRORS[RECEIVED_MASTER_ABORT.bit_length() - 1]
pcie = pytest.mark.needs("pcie")
mapping = pytest.mark.needs("mapping")


def function_of(dma: Dma) -> PcieTarget:
    assert isinstance(dma.target, PcieTarget)
    return dma.target


@pcie
@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.deep)])
def test_a_function_level_reset_under_load_ends_everything_and_leaves_memory_alone(
    dma: Dma, ground: Ground, rng: np.random.Generator, times: int
) -> None:
    """Reads and writes under way; behind the reset not a byte changes, each request ends once, the device works."""
    target = function_of(dma)
    ended: list[int] = []
    requests = [ground.compose(way, 4, 512) for _ in range(16) for way in BOTH]
    for _ in range(times):
        ended.clear()
        transfers = [submit(dma, made, Port.PATTERN) for made in requests]
        for number, transfer in enumerate(transfers):
            transfer.add_done_callback(lambda _, number=number: ended.append(number))  # type: ignore[misc]
        target.sleep(int(rng.integers(0, 2000)))
        dma.registers.write("scratch", 0x5A5A5A5A)
        target.function_level_reset()
        assert dma.registers.read("scratch") == 0, "registers are not as at power-up"
        before = dma.arena.array.copy()
        target.sleep(2000)
        assert np.array_equal(dma.arena.array, before), "the device wrote behind its reset"
        dma.reset()
        assert sorted(ended) == list(range(len(transfers)))
        assert all(transfer.error is None or isinstance(transfer.error, DeviceReset) for transfer in transfers)
        ground.expected[:] = ground.now()  # what reads had brought until then
        alive(dma, ground)


@pcie
@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.deep)])
def test_requests_aimed_outside_all_mappings_fail_alone(
    dma: Dma, ground: Ground, rng: np.random.Generator, count: int
) -> None:
    """Beside each a normal one, of either direction: the bad end with a bus error that the function's status shows as
    well, nobody else notices."""
    function = function_of(dma).function
    if dma.rules.address_bits < 36:
        pytest.skip(f"rules {dma.rules.name}: no address is out of the memory's reach")
    function.config_write(STATUS, 2, RECEIVED_MASTER_ABORT)
    assert ABORTED not in function.evidence()["status"]
    pairs = []
    for number in range(count):
        way = BOTH[number % 2]
        made = ground.compose(way, 1, 256)
        address, length = made.segments[0]
        good = submit(dma, made, Port.PATTERN)
        far = address + int(rng.integers(1, 8)) * (1 << 32)
        pairs.append((way, made, good, dma.submit_raw(way, [(far, length)], port=Port.PATTERN)))
        if number % 16 == 15:
            dma.wait_all()
    for way, made, good, bad in pairs:
        assert good.result().ok
        assert outcome(bad).status_name == "BUS_ERROR"
        if way is Direction.C2H:
            ground.received(made.segments, pattern(0, made.card, made.total))
    assert ABORTED in function.evidence()["status"], "a read that was refused does not show"
    ground.verify()
    alive(dma, ground)


@mapping
def test_arrays_of_any_place_go_and_come_where_they_lie(dma: Dma, rng: np.random.Generator) -> None:
    """Any offset, any length that the rules allow; the bytes around stay, rows of a wider matrix too."""
    unit = step(dma)
    for _ in range(8):
        size = fit(dma, int(rng.integers(1, 5000)))
        offset = int(rng.integers(1, 5000)) // unit * unit + int(rng.integers(0, unit))
        memory = noise(rng, offset + size + 5000)
        sent, before = memory[offset : offset + size], memory.copy()
        mapped = dma.map(memory)
        dma.write(sent, card_address=0).result()
        taken = noise(rng, size)
        sent[:] = taken  # and back over it
        dma.read(sent, card_address=0).result()
        dma.unmap(mapped)
        assert np.array_equal(memory, before)
    rows, width = 6, fit(dma, 700)
    matrix = noise(rng, rows * 4096).reshape(rows, 4096)
    image = np.ascontiguousarray(matrix[:, 100 : 100 + width])
    write_card(dma, 0, image.reshape(-1))
    expected = matrix.copy()
    matrix[:, 100 : 100 + width] = 0
    mapped = dma.map(matrix.reshape(-1))
    dma.read([row[100 : 100 + width] for row in matrix], card_address=0).result()
    dma.unmap(mapped)
    assert np.array_equal(matrix, expected)


@mapping
def test_a_batch_reaches_mapped_memory(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """Eight reads planned at once, side by side in memory of the caller's; the bytes between them stay."""
    made = [ground.compose(Direction.C2H, 1, 512) for _ in range(8)]
    memory = np.frombuffer(mmap.mmap(-1, 16 * PAGE), np.uint8)
    memory[:] = noise(rng, len(memory))
    expected = memory.copy()
    mapped = dma.map(memory)
    places = [2 * PAGE * number + one.segments[0][0] % PAGE for number, one in enumerate(made)]
    lengths, cards = [one.total for one in made], [one.card for one in made]
    dma.read_batch(mapped.iova + np.array(places), lengths, card_addresses=cards, port=Port.PATTERN).result()
    dma.unmap(mapped)
    for place, length, card in zip(places, lengths, cards, strict=True):
        expected[place : place + length] = pattern(0, card, length)
    assert np.array_equal(memory, expected)


@mapping
@pytest.mark.parametrize("direction", BOTH, ids=lambda way: way.name)
def test_scattered_pages_become_one_segment(
    dma: Dma, rng: np.random.Generator, ground: Ground, direction: Direction
) -> None:
    """Two pages apart in memory, and in the wrong order, are one range of bus addresses: one segment, not two."""
    side = dma.rules.direction(direction)
    length, boundary = 6000, side.segment_boundary or 2 * PAGE
    if min(side.max_segment_size, side.max_last_segment or length, boundary) < length:
        pytest.skip(f"rules {dma.rules.name}: a segment can't be longer than a page")
    made = ground.compose(direction, 1, length)
    (address, length), memory = made.segments[0], np.frombuffer(mmap.mmap(-1, 8 * PAGE), np.uint8)
    memory[:] = noise(rng, len(memory))
    start = 5 * PAGE + address % PAGE  # legal there as it is where it was composed
    first = 6 * PAGE - start
    parts = [slice(start, 6 * PAGE), slice(2 * PAGE, 2 * PAGE + length - first)]
    data, expected = noise(rng, length), memory.copy()
    mapped = dma.map(*(memory[part] for part in parts))
    if direction is Direction.H2C:
        data = np.concatenate(mapped.arrays)
    else:
        write_card(dma, made.card, data)
        expected[parts[0]], expected[parts[1]] = data[:first], data[first:]
    transfer = dma.submit(direction, mapped, card_address=made.card)
    assert transfer.batch.addresses.tolist() == [mapped.iova]
    transfer.result()
    dma.unmap(mapped)
    assert np.array_equal(memory, expected)
    if direction is Direction.H2C:
        shown = length // step(dma) * step(dma)
        assert np.array_equal(card_image(dma, made.card, shown), data[:shown])


@mapping
def test_what_is_unmapped_is_out_of_reach(dma: Dma, rng: np.random.Generator, ground: Ground) -> None:
    """The address that was good is a bus error afterwards, and the memory stays as it is."""
    memory = noise(rng, 4 * PAGE)
    mapped = dma.map(memory)
    size = fit(dma, 512)
    dma.read(memory[:size], card_address=0).result()
    dma.unmap(mapped)
    before = memory.copy()
    address, length = ground.compose(Direction.C2H, 1, 512).segments[0]
    place = (mapped.iova & -PAGE) + address % PAGE  # legal there as it was where it lay
    assert outcome(dma.submit_raw(Direction.C2H, [(place, length)])).status_name == "BUS_ERROR"
    assert np.array_equal(memory, before)
    alive(dma, ground)
