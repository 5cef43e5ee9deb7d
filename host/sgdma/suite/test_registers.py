"""Identity and registers: the device is what it says, and its registers behave."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.rules import Direction
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.spec.registers import DEVICE, FIXTURE, MAGIC, VERSION, map_hash
from sgdma.spec.status import Command, Port, Result
from sgdma.suite.helpers import fit, noise

WORDS = [1 << bit for bit in range(32)] + [~(1 << bit) & 0xFFFFFFFF for bit in range(32)] + [0, 0xFFFFFFFF]


def test_magic_and_version_are_those_of_this_host(dma: Dma) -> None:
    """Constants, read again after the driver started the device."""
    assert dma.registers.read("magic") == MAGIC
    assert dma.registers.read("version") >> 16 == VERSION >> 16


def test_register_map_and_rules_are_those_the_host_knows(dma: Dma) -> None:
    """The hashes by which host and device know that they mean the same."""
    assert dma.registers.read("map_hash") == map_hash()
    assert dma.registers.read("rules_hash") == int(dma.rules.content_hash()[:8], 16)


def test_geometry_agrees_with_itself_and_with_the_rules(dma: Dma) -> None:
    """Sizes are powers of two in their limits, and the rules fit the hardware."""
    me = dma.identity
    assert me.data_width in (64, 128, 256, 512)
    assert me.data_width // 8 <= me.burst_bytes <= 4096
    assert me.queues >= 1
    assert me.address_bits == dma.rules.address_bits
    assert me.prefetch_slots >= 32
    assert me.list_slots >= max(dma.rules.direction(way).max_segments for way in Direction)
    assert me.clock_hz > 0


def test_fixture_sizes_are_powers_of_two(dma: Dma) -> None:
    """Card memory and loopback buffer."""
    for name in ("memory_bytes", "loopback_bytes"):
        size = dma.fixture.read(name)
        assert size >= 1024
        assert size & (size - 1) == 0, f"{name} = {size}"


def test_scratch_holds_walking_ones_and_zeros(dma: Dma) -> None:
    """Every data bit of the register path, alone and all but it."""
    for word in WORDS:
        dma.registers.write("scratch", word)
        assert dma.registers.read("scratch") == word


def test_scratch_holds_while_data_flows(dma: Dma, rng: np.random.Generator) -> None:
    """Register accesses and DMA do not disturb each other."""
    size = fit(dma, 4096)
    transfers = [dma.write(noise(rng, size)) for _ in range(8)]
    for word in noise(rng, 256).view(np.uint32).tolist():
        dma.registers.write("scratch", word)
        assert dma.registers.read("scratch") == word
    for transfer in transfers:
        transfer.result()


def test_registers_keep_their_storage_over_a_reset(dma: Dma) -> None:
    """Function-level reset leaves the registers' own storage alone."""
    dma.registers.write("scratch", 0x5A5A1234)
    dma.fixture.write("seed", 0x77665544)
    dma.reset()
    assert dma.registers.read("scratch") == 0x5A5A1234
    assert dma.fixture.read("seed") == 0x77665544


def test_read_only_registers_ignore_writes(dma: Dma) -> None:
    """Constants stay what they are."""
    for name in ("magic", "version", "map_hash", "rules_hash", "hash0", "hash3", "geometry", "limits", "clock_hz"):
        before = dma.registers.read(name)
        dma.registers.write(name, before ^ 0xFFFFFFFF)
        assert dma.registers.read(name) == before, name


def test_stored_fields_read_back_as_written(dma: Dma) -> None:
    """Every field of every storage register that does nothing by itself, at its extremes."""
    for register in DEVICE.registers:
        if register.access != "rw":
            continue
        for bits in register.fields or (DEVICE.register("scratch").fields):
            for value in (0, (1 << bits.size) - 1, 1 << bits.size - 1):
                dma.registers.write(register.name, **{bits.name: value})
                assert dma.registers.field(register.name, bits.name) == value, (register.name, bits.name)


def test_a_block_read_equals_single_reads(dma: Dma) -> None:
    """The constants at the start of the bank, both ways."""
    singles = [dma.registers.read(register.name) for register in DEVICE.registers[:8]]
    assert dma.target.read_block(dma.registers.address("magic"), 8).tolist() == singles


def test_an_address_without_a_register_answers_and_harms_nothing(dma: Dma) -> None:
    """A read behind the last register of the fixture comes back, and the core is still there."""
    dma.registers.write("scratch", 0x600DCAFE)
    last = dma.fixture.address(FIXTURE.registers[-1].name)
    dma.target.read32(last + 4)
    dma.target.write32(last + 4, 0xFFFFFFFF)
    assert dma.registers.read("magic") == MAGIC
    assert dma.registers.read("scratch") == 0x600DCAFE
    dma.write(bytes(fit(dma, 64))).result()


def test_time_runs_and_never_goes_back(dma: Dma) -> None:
    """The 64-bit clock grows from read to read."""
    stamps = [dma.registers.read64("time") for _ in range(20)]
    assert all(early < late for early, late in pairwise(stamps))


def test_time_counts_at_least_what_was_slept(dma: Dma) -> None:
    """Target time and the device's clock are the same time."""
    for cycles in (1, 100, 5000):
        before, host = dma.registers.read64("time"), dma.now()
        dma.target.sleep(cycles)
        passed, by_host = dma.registers.read64("time") - before, dma.now() - host
        assert passed >= cycles
        assert by_host >= cycles


def test_reading_the_low_half_freezes_the_high_half(dma: Dma) -> None:
    """Both halves belong to one moment, however late the second is read."""
    low = dma.registers.read("time_lo")
    high = dma.registers.read("time_hi")
    dma.target.sleep(3000)
    assert dma.registers.read("time_hi") == high
    assert dma.registers.read64("time") > low | high << 32


def test_commands_to_a_queue_that_does_not_exist_are_refused(dma: Dma) -> None:
    """BAD_QUEUE for every command, from the first number behind the last queue on."""
    for number in (len(dma.queues), 255):
        dma.registers.write("queue_select", queue=number)
        for op in Command:
            dma.registers.write("queue_command", op=op)
            assert dma.registers.read("queue_result") == Result.BAD_QUEUE


@pytest.mark.parametrize("bell", ["sq_doorbell", "cq_doorbell"])
def test_a_doorbell_of_no_queue_is_noted_and_ignored(dma: Dma, bell: str) -> None:
    """stray_doorbell rises, nothing else happens, and a reset clears it."""
    assert dma.registers.field("status", "stray_doorbell") == 0
    dma.registers.write(bell, 1, queue=len(dma.queues))
    assert dma.registers.field("status", "stray_doorbell") == 1
    dma.write(bytes(fit(dma, 64))).result()
    dma.reset()
    assert dma.registers.field("status", "stray_doorbell") == 0


def test_fixture_counters_show_a_snapshot_and_reset_to_zero(dma: Dma) -> None:
    """They stand still between snapshots, count beats of a transfer, and start again from zero."""
    size = fit(dma, 2048)
    beats = -(-size // (dma.identity.data_width // 8))
    dma.fixture.write("command", reset=1)
    dma.write(bytes(size), port=Port.MEMORY).result()
    assert dma.fixture.read("h2c_beats") == 0
    dma.fixture.write("command", snapshot=1)
    assert dma.fixture.read("h2c_beats") == beats
    assert dma.fixture.read("r_beats") >= beats
    cycles = dma.fixture.read("cycles")
    assert cycles > 0
    dma.target.sleep(500)
    assert dma.fixture.read("cycles") == cycles
    dma.fixture.write("command", snapshot=1)
    assert dma.fixture.read("cycles") >= cycles + 500
    dma.fixture.write("command", reset=1)
    dma.fixture.write("command", snapshot=1)
    assert dma.fixture.read("h2c_beats") == 0
    assert dma.fixture.read("cycles") < cycles + 500


@pytest.mark.parametrize("way", Direction, ids=lambda way: way.name)
def test_fixture_tells_payload_from_descriptors_and_records(dma: Dma, way: Direction) -> None:
    """Of one request: its beats on the channel of its direction, its slots on R, its record on W."""
    size, beat = fit(dma, 2048, way), dma.identity.data_width // 8
    dma.fixture.write("command", reset=1)
    dma.submit(way, dma.buffer(size), port=Port.MEMORY).result()
    dma.fixture.write("command", snapshot=1)
    seen = dma.fixture.snapshot()
    payload = {"r": seen["r_beats"] - seen["r_descriptors"], "w": seen["w_beats"] - seen["w_records"]}
    mine, other = ("r", "w") if way is Direction.H2C else ("w", "r")
    assert payload[mine] >= -(-size // beat)
    assert payload[other] == 0
    assert seen["r_descriptors"] >= 2 * SLOT_BYTES // beat
    assert seen["w_records"] == -(-COMPLETION_BYTES // beat)
    assert seen["aw_records"] == seen["b_records"] == 1
    assert seen["b_count"] == seen["aw_count"]


@pytest.mark.parametrize("way", Direction, ids=lambda way: way.name)
def test_fixture_stamps_the_life_of_a_request_in_order(dma: Dma, way: Direction) -> None:
    """Doorbell, first address, last data, record, its response; all after the reset of the fixture, none in future."""
    dma.fixture.write("command", reset=1)
    dma.submit(way, dma.buffer(fit(dma, 2048, way)), port=Port.MEMORY).result()
    dma.fixture.write("command", snapshot=1)
    names = ("at_first_ar", "at_last_r") if way is Direction.H2C else ("at_first_aw", "at_last_w", "at_last_b")
    stamps = [dma.fixture.read(name) for name in ("at_doorbell", *names, "at_record_aw", "at_record_b", "cycles")]
    assert stamps == sorted(stamps)
    assert dma.fixture.read("at_vector") <= stamps[-1]
