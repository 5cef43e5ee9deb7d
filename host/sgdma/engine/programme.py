"""Request programmes: a scenario that a board's CPU goes through by itself, or a driver for comparison.

A scenario names places relative to a stretch of DMA memory, so it means the same on every target. Its result has a
digest over every completion, whatever their order: equal digests mean equal status, segment, bytes and CRC32C of each
request of each round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.errors import RequestError
from sgdma.rules import Direction, RuleSet
from sgdma.spec.layout import COMPLETION_BYTES, SLOT_BYTES
from sgdma.spec.mailbox import JOB, PART, PROGRAMME, PROGRAMME_MAGIC, RING, JobKind, RunnerFault
from sgdma.spec.pattern import mix
from sgdma.spec.rtl_rules import ring_align
from sgdma.spec.status import NO_SEGMENT, Port

__all__ = ["DEPTH", "SCENARIO_ALIGN", "Fill", "Outcome", "Request", "Rings", "Scenario", "Verify", "execute"]

SCENARIO_ALIGN = 1 << 20
"""A scenario's memory lies at a multiple of it, so that rules on boundaries mean the same on every target."""
DEPTH = 512
"""Requests under way at most, of which the firmware keeps count."""


@dataclass(frozen=True)
class Request:
    """A request as given, legal or not; `segments`: (offset in memory, bytes). Expected are `status` and `segment`."""

    direction: Direction
    segments: tuple[tuple[int, int], ...]
    card: int = 0
    port: Port = Port.MEMORY
    queue: int = 0
    status: int = 0
    segment: int = NO_SEGMENT
    total: int | None = None


@dataclass(frozen=True)
class Fill:
    """Fill memory with the pattern of a seed, in the first round only; offset and bytes are multiples of 4."""

    offset: int
    length: int
    seed: int


@dataclass(frozen=True)
class Verify(Fill):
    """Wait until nothing is under way, then compare memory with the pattern."""


@dataclass(frozen=True)
class Scenario:
    """Operations in order, gone through `rounds` times, in `memory` bytes; at most `depth` requests under way."""

    operations: Sequence[Request | Fill]
    memory: int
    rounds: int = 1
    depth: int = DEPTH
    patience: int = 10_000_000

    @property
    def requests(self) -> list[Request]:
        """The requests of one round, in order."""
        return [operation for operation in self.operations if isinstance(operation, Request)]

    def encode(self, rules: RuleSet, base: int, rings: Rings) -> bytes:
        """The programme with its memory at bus address `base`, as the firmware reads it."""
        if not 1 <= self.depth <= min(DEPTH, 1 << rings.cq_log2):
            most = min(DEPTH, 1 << rings.cq_log2)
            raise RequestError(f"scenario of depth {self.depth}: must be 1..{most}, what firmware and rings hold")
        body = b"".join(self._jobs(rules, base))
        heads = rings.encode()
        head = np.zeros(1, PROGRAMME)
        head[0] = (PROGRAMME_MAGIC, PROGRAMME.itemsize + len(heads) + len(body), rings.queues, self.rounds,
                   self.patience, self.depth)  # fmt: skip
        return head.tobytes() + heads + body

    def _jobs(self, rules: RuleSet, base: int) -> Iterator[bytes]:
        number = 0
        for operation in self.operations:
            job = np.zeros(1, JOB)
            if isinstance(operation, Request):
                lengths = np.array([length for _, length in operation.segments], np.uint64)
                part = np.zeros(len(lengths), PART)
                part["address"] = [base + offset for offset, _ in operation.segments]
                part["length"] = rules.encode_length(lengths)
                total = int(lengths.sum()) if operation.total is None else operation.total
                job[0] = (JobKind.REQUEST, operation.queue, operation.direction, operation.port, len(part),
                          operation.status, 0, operation.segment, number, operation.card, total, 0)  # fmt: skip
                number += 1
                yield job.tobytes() + part.tobytes()
            else:
                kind = JobKind.VERIFY if isinstance(operation, Verify) else JobKind.FILL
                job[0] = (kind, 0, 0, 0, 0, 0, 0, 0, 0, base + operation.offset, operation.length, operation.seed)
                yield job.tobytes()


@dataclass(frozen=True)
class Rings:
    """Rings of queue pairs 0 and up, one behind the other from bus address `base`, as `rules` want tables."""

    base: int
    queues: int
    sq_log2: int
    cq_log2: int
    stride: int

    @classmethod
    def lay(cls, rules: RuleSet, base: int, queues: int, sq_log2: int = 10, cq_log2: int = 9) -> Rings:
        """Rings of that size, or smaller where a table must not cross a boundary; `base` a multiple of 64 KiB."""
        most = (rules.table_boundary or 1 << 20).bit_length() - 1
        sq_log2 = min(sq_log2, most - (SLOT_BYTES.bit_length() - 1))
        cq_log2 = min(cq_log2, most - (COMPLETION_BYTES.bit_length() - 1))
        stride = max(SLOT_BYTES << sq_log2, COMPLETION_BYTES << cq_log2, ring_align(rules))
        return cls(base, queues, sq_log2, cq_log2, 1 << (stride - 1).bit_length())

    @property
    def size(self) -> int:
        """Bytes of all."""
        return 2 * self.queues * self.stride

    def encode(self) -> bytes:
        """As the firmware reads them."""
        table = np.zeros(self.queues, RING)
        table["sq"] = self.base + 2 * self.stride * np.arange(self.queues)
        table["cq"] = table["sq"] + self.stride
        table["log2"] = self.sq_log2 | self.cq_log2 << 8
        return table.tobytes()


@dataclass(frozen=True)
class Outcome:
    """What came of a programme. `first`: round, request, got, expected and bytes of the first failure."""

    fault: RunnerFault
    requests: int
    completions: int
    digest: int
    bytes: int
    cycles: int
    first: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    @property
    def good(self) -> bool:
        """Everything was as expected."""
        return self.fault is RunnerFault.NONE and self.requests == self.completions


def execute(scenario: Scenario, dma: Dma) -> Outcome:
    """Go through a scenario with the driver: on the model, what a board's CPU must come to as well."""
    memory = dma.arena.allocate(scenario.memory, SCENARIO_ALIGN)
    begin, totals = dma.now(), np.zeros(2, np.int64)
    digest, first, faults = 0, (0, 0, 0, 0, 0), [RunnerFault.NONE]
    try:
        for round_number in range(scenario.rounds):
            made: list[tuple[int, Request, Transfer]] = []
            for operation in scenario.operations:
                if isinstance(operation, Request):
                    made.append((len(made), operation, _submit(dma, memory.iova, operation)))
                    continue
                for _, _, transfer in made:
                    transfer.wait()
                view = memory.array[operation.offset : operation.offset + operation.length].view("<u4")
                wanted = mix(np.arange(len(view), dtype=np.uint32) ^ np.uint32(operation.seed))
                if isinstance(operation, Verify):
                    faults += [RunnerFault.DATA] if not np.array_equal(view, wanted) else []
                elif round_number == 0:
                    view[:] = wanted
            for number, request, transfer in made:
                done = transfer.wait()
                assert done is not None, f"request {number} ended without a completion: {transfer.error}"
                totals += (1, done.bytes_moved)
                segment = NO_SEGMENT if done.segment_index is None else done.segment_index
                digest += _hash(round_number, number, done.status, segment, done.bytes_moved, done.crc32c or 0)
                got, wanted_code = done.status | segment << 16, request.status | request.segment << 16
                if got != wanted_code and len(faults) == 1:
                    faults.append(RunnerFault.STATUS)
                    first = (round_number, number, got, wanted_code, done.bytes_moved)
    finally:
        dma.free(memory)
    return Outcome(faults[min(1, len(faults) - 1)], int(totals[0]), int(totals[0]), digest & 0xFFFFFFFF,
                   int(totals[1]), dma.now() - begin, first)  # fmt: skip


def _submit(dma: Dma, base: int, request: Request) -> Transfer:
    segments = [(base + offset, length) for offset, length in request.segments]
    return dma.submit_raw(request.direction, segments, queue=request.queue, port=request.port,
                          card_address=request.card, total=request.total)  # fmt: skip


def _hash(round_number: int, number: int, status: int, segment: int, moved: int, crc: int) -> int:
    h = number ^ round_number * 0x9E3779B9 & 0xFFFFFFFF
    for value in (0, status | segment << 16, moved, crc):
        h = int(mix(np.array([h ^ value], np.uint32))[0])
    return h
