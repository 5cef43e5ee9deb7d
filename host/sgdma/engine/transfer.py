"""What a submission returns: a :class:`Transfer` for one request, a :class:`Batch` for many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sgdma.errors import SgdmaError
from sgdma.rules import Direction
from sgdma.spec.layout import COMPLETION
from sgdma.spec.status import NO_SEGMENT, Status, status_name

if TYPE_CHECKING:
    from sgdma.engine.device import Dma

__all__ = ["Area", "Batch", "Completion", "Transfer"]

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
COOPERATIVE_STEP = 64
"""Cycles that an awaited transfer lets pass before other tasks run."""


@dataclass(frozen=True)
class Completion:
    """One completion record. ``segment_index`` is None when no single segment is to blame; times are device cycles."""

    tag: int
    queue: int
    sequence_number: int
    status: int
    segment_index: int | None
    bytes_moved: int
    crc32c: int
    timestamp: int
    sq_head: int

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status == Status.OK

    @property
    def status_name(self) -> str:
        """The status in words."""
        return status_name(self.status)

    @classmethod
    def of(cls, record: np.void) -> Completion:
        """From a record of the ring."""
        segment = int(record["segment_index"])
        names = ("tag", "queue", "sequence_number", "status", "bytes_moved", "crc32c", "timestamp", "sq_head")
        return cls(segment_index=None if segment == NO_SEGMENT else segment, **{n: int(record[n]) for n in names})


@dataclass(eq=False)
class Area:
    """Bounce space that some requests of a batch share, until the last of them is done."""

    iova: int
    size: int
    users: int


@dataclass(eq=False)
class Batch:
    """k requests of one direction on one queue, submitted together and carried out in order.

    Arrays of segments and copies are those of :class:`sgdma.rules.plan.BatchPlan`. ``records``: the completions, (k,),
    valid where ``finished`` is set. ``errors``: by request, what :meth:`result` raises for it.
    """

    dma: Dma = field(repr=False)
    number: int
    direction: Direction
    queue: int
    ports: int
    cards: U64
    totals: I64
    addresses: U64
    lengths: U64
    bounced: Bool
    offsets: I64
    bounce_size: I64
    bounce_align: int
    copy_address: I64
    copy_offset: I64
    copy_length: I64
    copy_offsets: I64
    raw: Callable[[int], npt.NDArray[np.uint8]] | None = field(default=None, repr=False)  # tag -> slots, as they are
    raw_slots: int = 0
    records: npt.NDArray[np.void] = field(init=False, repr=False)
    finished: Bool = field(init=False, repr=False)
    errors: dict[int, SgdmaError] = field(default_factory=dict)
    placed: int = 0
    areas: dict[int, tuple[Area, int]] = field(default_factory=dict, repr=False)  # request: its area, its address
    cleanups: list[Callable[[], None]] = field(default_factory=list, repr=False)
    callbacks: dict[int, list[Callable[[Transfer], object]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.records = np.zeros(len(self.totals), COMPLETION)
        self.finished = np.zeros(len(self.totals), np.bool_)
        self.remaining, self.bytes = len(self.totals), int(self.totals.sum())

    def __len__(self) -> int:
        return len(self.totals)

    def __getitem__(self, index: int) -> Transfer:
        return Transfer(self, range(len(self))[index])

    def bases(self, requests: Iterable[int]) -> I64:
        """Addresses of the bounce areas of `requests`, 0 where there is none."""
        return np.array([self.areas[i][1] if i in self.areas else 0 for i in requests], np.int64)

    @property
    def done(self) -> bool:
        """Whether all requests are."""
        return self.remaining == 0

    def result(self, timeout: int | None = None) -> npt.NDArray[np.void]:
        """Wait for all; the records, (k,). Raises the error of the first request that failed, or TransferTimeout.

        `timeout`: device cycles; None: the driver's own limit, which grows with the bytes under way.
        """
        self.dma.wait_for(self, None, timeout)
        if self.errors:
            raise self.errors[min(self.errors)]
        return self.records


@dataclass(frozen=True)
class Transfer:
    """One request: a handle that may be kept or dropped."""

    batch: Batch
    index: int = 0

    @property
    def done(self) -> bool:
        """Whether the completion was seen (by ``poll`` or any wait), or the request given up."""
        return bool(self.batch.finished[self.index])

    @property
    def error(self) -> SgdmaError | None:
        """Why it failed; None while pending and when all is well."""
        return self.batch.errors.get(self.index)

    @property
    def completion(self) -> Completion | None:
        """The completion record; None while pending, and of a request that was given up without one."""
        record = self.batch.records[self.index]
        return Completion.of(record) if self.done and record["phase"] != NO_RECORD else None

    def result(self, timeout: int | None = None) -> Completion:
        """Wait, and return the completion. Raises TransferError, TransferTimeout, DeviceReset, LostCompletion, ...

        `timeout`: device cycles; None: the driver's own limit, which grows with the bytes under way.
        """
        self.wait(timeout)
        if self.error:
            raise self.error
        return Completion.of(self.batch.records[self.index])

    def wait(self, timeout: int | None = None) -> Completion | None:
        """Wait until done and return the completion whatever its status. Raises only TransferTimeout."""
        self.batch.dma.wait_for(self.batch, self.index, timeout)
        return self.completion

    def add_done_callback(self, callback: Callable[[Transfer], object]) -> None:
        """Call it once, with this transfer, when done; at once if it is."""
        if self.done:
            callback(self)
        else:
            self.batch.callbacks.setdefault(self.index, []).append(callback)

    def __await__(self) -> Generator[Any, None, Completion]:
        return self._cooperate().__await__()

    async def _cooperate(self) -> Completion:
        dma = self.batch.dma
        limit = dma.now() + dma.limit()
        dma.poll()
        while not self.done and dma.now() < limit:
            dma.target.sleep(COOPERATIVE_STEP)
            dma.poll()
            await asyncio.sleep(0)
        return self.result(0)


NO_RECORD = 0xFFFF
"""Put into ``phase`` of the record of a request that ended without a completion."""
