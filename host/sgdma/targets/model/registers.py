"""The model's registers: what the host reads and writes, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sgdma.spec.registers import DEVICE, FIXTURE, MAGIC, VERSION, Bank, map_hash
from sgdma.spec.status import Command, QueueError, QueueState, Result
from sgdma.targets.model.queues import CQ_MASK, SQ_MASK, QueuePair, check_rings

if TYPE_CHECKING:
    from sgdma.targets.model.device import ModelDevice

__all__ = ["RegisterFile"]

LIVE = ("checked_beats", "check_errors", "first_error")
"""Counters of the fixture that need no snapshot."""


class RegisterFile:
    """Both banks. A method ``_read_NAME`` or ``_write_BANK_NAME`` serves a register; other ``rw`` ones are storage."""

    def __init__(self, device: ModelDevice) -> None:
        self._device, self._time_hi = device, 0
        self._storage = dict.fromkeys((r.name for r in DEVICE.registers if r.access == "rw"), 0)
        self._names: dict[int, tuple[Bank, str]] = {
            bank.address(register.name): (bank, register.name)
            for bank in (DEVICE, FIXTURE) for register in bank.registers
        }  # fmt: skip
        self._constants = self._identity()

    def read(self, address: int) -> int:
        """A register; unknown addresses read zero."""
        bank, name = self._names.get(address, (DEVICE, ""))
        if bank is FIXTURE:
            return self._read_fixture(name)
        if name in self._storage:
            return self._storage[name]
        if name in self._constants:
            return self._constants[name]
        reader = getattr(self, f"_read_{name}", None)
        return int(reader()) if reader else 0

    def write(self, address: int, value: int) -> None:
        """A register; unknown addresses and read-only registers ignore it."""
        bank, name = self._names.get(address, (DEVICE, ""))
        writer = getattr(self, f"_write_{bank.name}_{name}", None)
        if writer:
            writer(value)
        elif bank is DEVICE and name in self._storage:
            fields = DEVICE.register(name).fields
            self._storage[name] = value & (sum(bits.mask for bits in fields) if fields else 0xFFFFFFFF)
        self._device.stir(self._device.clock)

    def _identity(self) -> dict[str, int]:
        build, content = self._device.build, self._device.build.content_hash()
        geometry = build.geometry()
        return {
            "magic": MAGIC, "version": VERSION, "map_hash": map_hash(), "rules_hash": build.rules_hash(),
            **{f"hash{i}": content >> 32 * i & 0xFFFFFFFF for i in range(4)}, "clock_hz": build.clock_hz,
            "geometry": sum(geometry[bits.name] << bits.offset for bits in DEVICE.register("geometry").fields),
            "limits": build.list_slots | build.prefetch_slots << 16,
        }  # fmt: skip

    def _selected(self) -> QueuePair | None:
        number = self._storage["queue_select"]
        return self._device.queues[number] if number < len(self._device.queues) else None

    def _read_status(self) -> int:
        idle = not any(engine.requests for engine in self._device.engines.values())
        return int(self._device.clock < self._device.reset_until) | idle << 1 | self._device.stray << 2

    def _read_time_lo(self) -> int:
        self._time_hi = self._device.clock >> 32 & 0xFFFFFFFF
        return self._device.clock & 0xFFFFFFFF

    def _read_time_hi(self) -> int:
        return self._time_hi

    def _read_queue_result(self) -> int:
        return int(self._device.result)

    def _read_queue_state(self) -> int:
        queue = self._selected()
        return queue.state | queue.error << 4 | queue.in_flight << 16 if queue else 0

    def _read_queue_sq_head(self) -> int:
        queue = self._selected()
        return queue.head if queue else 0

    def _read_queue_cq_tail(self) -> int:
        queue = self._selected()
        return queue.written if queue else 0

    def _read_ev_pending(self) -> int:
        return self._device.pending

    def _read_ev_enable(self) -> int:
        return self._device.enabled

    def _write_sgdma_ev_pending(self, value: int) -> None:
        self._device.pending &= ~value

    def _write_sgdma_ev_enable(self, value: int) -> None:
        self._device.enabled = value & (1 << len(self._device.queues) + 1) - 1

    def _write_sgdma_control(self, value: int) -> None:
        if value & 1:
            self._device.reset()

    def _write_sgdma_queue_command(self, value: int) -> None:
        queue, op = self._selected(), value & 7
        if queue is None:
            self._device.result = Result.BAD_QUEUE
        elif op == Command.START:
            self._device.result = self._start(queue)
        else:
            self._device.result = queue.command(op)
            queue.settle()

    def _start(self, queue: QueuePair) -> Result:
        if queue.state is not QueueState.IDLE:
            return Result.BAD_STATE
        stored = self._storage
        sq_base = stored["queue_sq_base_lo"] | stored["queue_sq_base_hi"] << 32
        cq_base = stored["queue_cq_base_lo"] | stored["queue_cq_base_hi"] << 32
        sizes = DEVICE.register("queue_size").unpack(stored["queue_size"])
        result = check_rings(self._device.rules, sq_base, sizes["sq_log2"], cq_base, sizes["cq_log2"])
        if result is Result.OK:
            moderation = DEVICE.register("queue_moderation").unpack(stored["queue_moderation"])
            self._device.queues[queue.number] = QueuePair(
                queue.number, QueueState.RUNNING, sq_base=sq_base, cq_base=cq_base, sq_log2=sizes["sq_log2"],
                cq_log2=sizes["cq_log2"], count=moderation["count"], time=moderation["time"],
            )
        return result

    def _write_sgdma_sq_doorbell(self, value: int) -> None:
        self._device.fixture.stamp("at_doorbell", self._device.clock)
        queue = self._doorbell(value)
        if queue and not queue.ring_sq(value & SQ_MASK):
            self._device.fail(queue, QueueError.SQ_DOORBELL)

    def _write_sgdma_cq_doorbell(self, value: int) -> None:
        queue = self._doorbell(value)
        if not queue:
            return
        if not queue.ring_cq(value & CQ_MASK):
            self._device.fail(queue, QueueError.CQ_DOORBELL)
            return
        if value >> 23 & 1:
            queue.armed, queue.since = True, None
        self._device.moderate(queue, self._device.clock)

    def _doorbell(self, value: int) -> QueuePair | None:
        """The queue that a doorbell means, None when it is to be ignored."""
        number = value >> 24
        if number >= len(self._device.queues) or self._device.queues[number].state is QueueState.IDLE:
            self._device.stray = 1
            return None
        return None if self._device.queues[number].state is QueueState.ERROR else self._device.queues[number]

    # The fixture's bank.

    def _read_fixture(self, name: str) -> int:
        fixture = self._device.fixture
        values = {"control": fixture.control, "seed": fixture.seed, "memory_bytes": len(fixture.memory),
                  "loopback_bytes": fixture.loopback_bytes,
                  **{running: fixture.counters[running] for running in LIVE}}  # fmt: skip
        return values[name] & 0xFFFFFFFF if name in values else fixture.shown.get(name, 0) & 0xFFFFFFFF

    def _write_fixture_control(self, value: int) -> None:
        self._device.fixture.set_control(value)

    def _write_fixture_seed(self, value: int) -> None:
        self._device.fixture.seed = value

    def _write_fixture_command(self, value: int) -> None:
        if value & 1:
            self._device.fixture.reset(self._device.clock)
        if value & 2:
            self._device.fixture.snapshot(self._device.clock)
