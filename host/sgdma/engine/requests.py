"""How requests enter: one or thousands, planned or raw, rung at once or later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from sgdma.engine.buffers import Arena
from sgdma.engine.limits import one_of, whole
from sgdma.engine.queue import Queue
from sgdma.engine.submit import U8, Pieces, card_table, piece_table, plan_requests, raw_request, resolve
from sgdma.engine.transfer import Batch, Transfer
from sgdma.errors import RequestError
from sgdma.rules import Direction
from sgdma.spec.layout import CARD_LAST
from sgdma.spec.status import Port

if TYPE_CHECKING:
    from sgdma.engine.device import Dma

__all__ = ["Callback", "Requests"]

Callback = Callable[[Transfer], object]


class Requests:
    """The part of :class:`~sgdma.engine.device.Dma` that submits."""

    arena: Arena
    queues: list[Queue]
    batches: dict[int, Batch]
    held: int
    bytes_under_way: int

    def queue(self, number: int) -> Queue:
        """One queue pair: its state and commands. Raises :class:`RequestError`."""
        if not 0 <= number < len(self.queues):
            raise RequestError(f"queue {number}: this device has 0..{len(self.queues) - 1}")
        return self.queues[number]

    def write(
        self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY, queue: int | None = None,
        callback: Callback | None = None,
    ) -> Transfer:  # fmt: skip
        """Send to the card (H2C). Returns at once; `pieces` must not change until the transfer is done.

        `card_address`: where on the card, in bytes, below 2**48. `port`: the card's memory, loopback FIFO or pattern.
        `queue`: its number; None: 0 for writes, 1 for reads (0 where there is one only). `callback`: called with the
        transfer when it is done.

        Raises PieceError, Unplannable, RequestError; every later failure is the transfer's.
        """
        return self.submit(Direction.H2C, pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def read(
        self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY, queue: int | None = None,
        callback: Callback | None = None,
    ) -> Transfer:  # fmt: skip
        """Fetch from the card (C2H) into `pieces`, which hold the data once it is done. Else as :meth:`write`."""
        return self.submit(Direction.C2H, pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def submit(
        self, direction: Direction, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY,
        queue: int | None = None, callback: Callback | None = None,
    ) -> Transfer:  # fmt: skip
        """One request of either direction."""
        direction, port = one_of("direction", Direction, direction), one_of("port", Port, port)
        number, card_address = self._queue_for(direction, queue), whole("card_address", card_address, 0, CARD_LAST)
        addresses, lengths, cleanups = resolve(self._dma, pieces, direction, card_address)
        try:
            batch = plan_requests(self._dma, direction, addresses, lengths, np.array([0, len(lengths)]),
                                  np.array([card_address], np.uint64), port, number)  # fmt: skip
        except BaseException:
            for cleanup in cleanups:
                cleanup()
            raise
        batch.cleanups = cleanups
        if callback:
            batch.callbacks[0] = [callback]
        self._enqueue(batch)
        return batch[0]

    def prepare_write(self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY,
                      queue: int | None = None, callback: Callback | None = None) -> Transfer:  # fmt: skip
        """As :meth:`write`, mapped and written into the ring but unknown to the device until :meth:`ring`."""
        with self._holding():
            return self.write(pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def prepare_read(self, pieces: Pieces, *, card_address: int = 0, port: Port = Port.MEMORY,
                     queue: int | None = None, callback: Callback | None = None) -> Transfer:  # fmt: skip
        """As :meth:`read`, mapped and written into the ring but unknown to the device until :meth:`ring`."""
        with self._holding():
            return self.read(pieces, card_address=card_address, port=port, queue=queue, callback=callback)

    def write_batch(
        self, addresses: npt.ArrayLike, lengths: npt.ArrayLike, offsets: npt.ArrayLike | None = None, *,
        card_addresses: npt.ArrayLike = 0, port: Port = Port.MEMORY, queue: int | None = None,
    ) -> Batch:  # fmt: skip
        """k requests to the card at once: the fast path for thousands.

        `addresses`, `lengths`: (n,) bus addresses and bytes of all pieces; request i owns ``offsets[i]:offsets[i + 1]``
        (None: one piece a request); `card_addresses`: (k,) or one for all.
        """
        return self.submit_batch(Direction.H2C, addresses, lengths, offsets, card_addresses, port, queue)

    def read_batch(
        self, addresses: npt.ArrayLike, lengths: npt.ArrayLike, offsets: npt.ArrayLike | None = None, *,
        card_addresses: npt.ArrayLike = 0, port: Port = Port.MEMORY, queue: int | None = None,
    ) -> Batch:  # fmt: skip
        """k requests from the card at once; else as :meth:`write_batch`."""
        return self.submit_batch(Direction.C2H, addresses, lengths, offsets, card_addresses, port, queue)

    def submit_batch(
        self, direction: Direction, addresses: npt.ArrayLike, lengths: npt.ArrayLike,
        offsets: npt.ArrayLike | None = None, card_addresses: npt.ArrayLike = 0, port: Port = Port.MEMORY,
        queue: int | None = None,
    ) -> Batch:  # fmt: skip
        """k requests of either direction."""
        direction, port = one_of("direction", Direction, direction), one_of("port", Port, port)
        address, length = piece_table(addresses, lengths)
        bounds = np.arange(len(address) + 1) if offsets is None else np.asarray(offsets, np.int64)
        cards = card_table(card_addresses, max(len(bounds) - 1, 0))
        number = self._queue_for(direction, queue)
        self.arena.check_all(address, length)
        batch = plan_requests(self._dma, direction, address, length, bounds, cards, port, number)
        self._enqueue(batch)
        return batch

    def submit_raw(
        self, direction: Direction, segments: Sequence[tuple[int, int]], *, queue: int | None = None,
        port: int = Port.MEMORY, card_address: int = 0, total: int | None = None, count: int | None = None,
        opcode: int | None = None, flags: int | None = None, kind: int | None = None, tag: int | None = None,
        encoded: bool = False, edit: Callable[[U8], U8 | None] | None = None,
    ) -> Transfer:  # fmt: skip
        """One request exactly as given, for tests that violate rules and structure: no plan, no check.

        `segments`: (bus address, bytes); with `encoded` the second is the length field itself. `total`, `count`,
        `opcode`, `flags`, `kind`, `tag` replace header fields. `edit` gets the slots, u8 (n, 16), last, and may change
        them in place. A wrong `tag` leaves the transfer pending: only reset or restart ends it.
        """
        direction = one_of("direction", Direction, direction)
        batch = raw_request(
            self._dma, direction, segments, queue=self._queue_for(direction, queue), port=port,
            card_address=card_address, total=total, count=count, opcode=opcode, flags=flags, kind=kind, tag=tag,
            encoded=encoded, edit=edit,
        )  # fmt: skip
        self._enqueue(batch)
        return batch[0]

    def ring(self) -> None:
        """Ring the doorbells of all queues that have unknown slots, and place what waits."""
        for queue in self.queues:
            queue.pump()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Whatever is submitted inside is rung at the end, one doorbell a queue."""
        with self._holding():
            yield
        self.ring()

    @property
    def _dma(self) -> Dma:
        return cast("Dma", self)

    def _queue_for(self, direction: Direction, queue: int | None) -> int:
        if queue is not None:
            return self.queue(queue).number
        return 0 if direction is Direction.H2C else min(1, len(self.queues) - 1)

    def _enqueue(self, batch: Batch) -> None:
        if self._dma.closed:
            raise RequestError("the device is closed; open it again")
        if not len(batch):
            return
        self.batches[batch.number] = batch
        self.bytes_under_way += batch.bytes
        queue = self.queues[batch.queue]
        queue.waiting.append(batch)
        queue.pump()

    @contextmanager
    def _holding(self) -> Iterator[None]:
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1
