"""What every target must do, whatever it is made of: checks that take an open target and assert.

``tests/targets`` runs them on ``model:``; inside the simulator and on a board they run unchanged. Each leaves the
device reset and its memory freed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from sgdma.errors import MissingCapability
from sgdma.spec.layout import COMPLETION, SLOT_BYTES
from sgdma.spec.registers import DEVICE, MAGIC
from sgdma.spec.status import Command, QueueState, Result, Status
from sgdma.targets.contract import Capability, DmaRegion, Target

__all__ = ["CHECKS", "check"]

LIMIT = 100_000
RING = 4096
ALIGN = 1 << 16


def check(target: Target) -> None:
    """All of them, one after the other."""
    for each in CHECKS:
        each(target)


def registers_hold_what_is_written(target: Target) -> None:
    """Single and block access agree, and all 32 bits travel."""
    scratch = _address(target, "scratch")
    assert target.read32(_address(target, "magic")) == MAGIC
    for value in (0, 0xFFFFFFFF, 0x12345678, 0x80000001):
        target.write32(scratch, value)
        assert target.read32(scratch) == value
    pair = _address(target, "queue_sq_base_lo")
    target.write_block(pair, [0x89ABCDEF, 0x01234567])
    assert target.read_block(pair, 2).tolist() == [0x89ABCDEF, 0x01234567]


def time_passes_and_never_runs_back(target: Target) -> None:
    """``sleep`` lets at least so many cycles pass; the device's own clock agrees that time passes."""
    before = target.now()
    target.sleep(100)
    after = target.now()
    assert after - before >= 100
    first = target.read32(_address(target, "time_lo"))
    target.sleep(50)
    assert (target.read32(_address(target, "time_lo")) - first) % (1 << 32) >= 50


def a_poll_ends_by_its_condition_or_its_limit(target: Target) -> None:
    """True at once, True later, False after the limit and not long after."""
    assert target.poll_until(lambda: True, 0)
    start = target.now()
    assert target.poll_until(lambda: target.now() >= start + 300, LIMIT)
    start = target.now()
    assert not target.poll_until(lambda: False, 500)
    assert target.now() - start >= 500


def memory_is_zeroed_aligned_and_apart(target: Target) -> None:
    """Regions have the alignment asked for, hold zeros also when reused, and don't overlap."""
    regions = [target.allocate(size, align) for size, align in ((1, 4096), (5000, 4096), (4096, ALIGN), (100, 8192))]
    try:
        for region, align in zip(regions, (4096, 4096, ALIGN, 8192), strict=True):
            assert region.iova % align == 0
            assert not region.array.any()
            region.array[:] = 0xFF
        spans = sorted((region.iova, region.iova + region.size) for region in regions)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
        assert regions[1].size == 5000
    finally:
        for region in regions:
            target.free(region)
    again = target.allocate(5000)
    assert not again.array.any()
    target.free(again)


def device_reads_and_writes_memory(target: Target) -> None:
    """A slot that is no header comes back as a BAD_HEADER completion: both ways of the memory path, and the order."""
    region = _started(target)
    try:
        record = _bad_header(target, region, 0)
        assert (int(record["status"]), int(record["tag"])) == (Status.BAD_HEADER, 0x1234)
        assert int(record["sequence_number"]) == 0
        assert int(_bad_header(target, region, 1)["sequence_number"]) == 1
    finally:
        _reset(target)
        target.free(region)


def interrupts_arrive_once(target: Target) -> None:
    """An armed vector fires for a completion, is taken once, and does not fire unarmed."""
    if Capability.INTERRUPTS not in target.capabilities:
        try:
            target.wait_interrupt(0, 1)
        except MissingCapability:
            return
        raise AssertionError("wait_interrupt without Capability.INTERRUPTS must raise MissingCapability")
    region = _started(target)
    try:
        target.write32(_address(target, "ev_pending"), 0xFFFFFFFF)
        target.write32(_address(target, "ev_enable"), 1)
        target.write32(_address(target, "cq_doorbell"), 1 << 23)
        assert not target.wait_interrupt(0, 200)
        _bad_header(target, region, 0)
        assert target.wait_interrupt(0, LIMIT)
        assert not target.wait_interrupt(0, 200)
        _bad_header(target, region, 1)
        assert not target.wait_interrupt(0, 200), "a vector that is not armed fired"
        target.write32(_address(target, "cq_doorbell"), 1 | 1 << 23)
        assert target.wait_interrupt(0, LIMIT), "a completion older than the arming was forgotten"
    finally:
        target.write32(_address(target, "ev_enable"), 0)
        _reset(target)
        target.free(region)


def what_is_not_allocated_is_out_of_reach(target: Target) -> None:
    """A ring in memory that was never given out ends in ERROR, and nothing else happens."""
    region = target.allocate(2 * ALIGN, ALIGN)
    outside = region.iova + (1 << 34) if target.read32(_address(target, "geometry")) >> 16 & 0xFF > 34 else 0
    target.free(region)
    region = _started(target, sq_base=outside)
    try:
        target.write32(_address(target, "sq_doorbell"), 1)
        state = _address(target, "queue_state")
        assert target.poll_until(lambda: target.read32(state) & 0xF == QueueState.ERROR, LIMIT)
    finally:
        _reset(target)
        target.free(region)


def faults_come_and_go(target: Target) -> None:
    """An injected fault stops the descriptor fetch; cleared, it doesn't."""
    if Capability.FAULT_INJECTION not in target.capabilities:
        return
    region = _started(target)
    state = _address(target, "queue_state")
    try:
        target.faults.unmap(region.iova, RING)
        target.write32(_address(target, "sq_doorbell"), 1)
        assert target.poll_until(lambda: target.read32(state) & 0xF == QueueState.ERROR, LIMIT)
    finally:
        target.faults.clear()
        _reset(target)
        target.free(region)
    device_reads_and_writes_memory(target)


CHECKS: tuple[Callable[[Target], None], ...] = (
    registers_hold_what_is_written,
    time_passes_and_never_runs_back,
    a_poll_ends_by_its_condition_or_its_limit,
    memory_is_zeroed_aligned_and_apart,
    device_reads_and_writes_memory,
    interrupts_arrive_once,
    what_is_not_allocated_is_out_of_reach,
    faults_come_and_go,
)


def _address(target: Target, name: str) -> int:
    return DEVICE.address(name) - DEVICE.base + target.bases["sgdma"]


def _reset(target: Target) -> None:
    target.write32(_address(target, "control"), 1)
    status = _address(target, "status")
    assert target.poll_until(lambda: not target.read32(status) & 1, LIMIT), "function-level reset does not end"


def _started(target: Target, sq_base: int | None = None) -> DmaRegion:
    """Queue pair 0 with 4 slots at the region's start (or `sq_base`) and 2 records one page on."""
    _reset(target)
    region = target.allocate(2 * RING, ALIGN)
    values = {"queue_select": 0, "queue_size": 2 | 1 << 8, "queue_moderation": 0}
    for name, base in (("sq", region.iova if sq_base is None else sq_base), ("cq", region.iova + RING)):
        values[f"queue_{name}_base_lo"], values[f"queue_{name}_base_hi"] = base & 0xFFFFFFFF, base >> 32
    for name, value in values.items():
        target.write32(_address(target, name), value)
    target.write32(_address(target, "queue_command"), Command.START)
    assert target.read32(_address(target, "queue_result")) == Result.OK
    return region


def _bad_header(target: Target, region: DmaRegion, index: int) -> np.void:
    """Ring the bell for one slot of nonsense with tag 0x1234; its completion."""
    slot = index * SLOT_BYTES
    region.array[slot : slot + SLOT_BYTES] = 0
    region.array[slot + 12 : slot + 14] = (0x34, 0x12)
    target.sync_for_device(region, 0, RING)
    target.write32(_address(target, "sq_doorbell"), index + 1)
    written = _address(target, "queue_cq_tail")
    assert target.poll_until(lambda: target.read32(written) == index + 1, LIMIT), "no completion"
    target.sync_for_host(region, RING, 64)
    record: np.void = region.array[RING : RING + 64].view(COMPLETION)[index].copy()
    return record
