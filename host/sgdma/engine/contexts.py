"""Transfer contexts: FREE -> MAPPED -> QUEUED -> DONE -> FREE, each owned by one request. A tag is its number."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

__all__ = ["ContextError", "Contexts", "State"]

U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]


class State(enum.IntEnum):
    """Where a context is in its life."""

    FREE = 0
    MAPPED = 1
    """Owned by a request: slots and bounce space are assigned; the device does not know of it."""
    QUEUED = 2
    """The doorbell was rung; the device may touch its memory."""
    DONE = 3
    """Its completion was seen."""


class ContextError(AssertionError):
    """A context was moved other than along its life: a defect of the driver, never of the device."""


class Contexts:
    """`count` contexts, 1..65536. Freed ones are handed out again as late as possible."""

    def __init__(self, count: int) -> None:
        self.state = np.zeros(count, np.uint8)
        self.batch = np.full(count, -1, np.int64)
        """Number of the batch that owns the context, or did last."""
        self.index = np.zeros(count, np.int64)
        """Which request of that batch."""
        self._ring = np.arange(count, dtype=np.uint16)
        self._mark = np.zeros(count, np.int64)
        self._first, self.free = 0, count

    def claim(self, batch: int, indices: I64) -> U16:
        """FREE -> MAPPED for as many contexts as `indices`; their tags. The caller asks for at most `free`."""
        count = len(indices)
        if count > self.free:
            raise ContextError(f"{count} contexts asked for, {self.free} are free")
        end = self._first + count
        tags = np.concatenate((self._ring[self._first : end], self._ring[: max(0, end - len(self._ring))]))
        self._first, self.free = end % len(self._ring), self.free - count
        self._move(tags, State.FREE, State.MAPPED)
        self.batch[tags], self.index[tags] = batch, indices
        return tags

    def queue(self, tags: U16) -> None:
        """MAPPED -> QUEUED, before the doorbell."""
        self._move(tags, State.MAPPED, State.QUEUED)

    def finish(self, tags: U16) -> None:
        """QUEUED -> DONE, by the completion (or by the device's reset)."""
        self._move(tags, State.QUEUED, State.DONE)

    def cancel(self, tags: U16) -> None:
        """MAPPED -> DONE: the device never knew."""
        self._move(tags, State.MAPPED, State.DONE)

    def release(self, tags: U16) -> None:
        """DONE -> FREE."""
        self._move(tags, State.DONE, State.FREE)
        place = (self._first + self.free) % len(self._ring)
        first = min(len(tags), len(self._ring) - place)
        self._ring[place : place + first] = tags[:first]
        self._ring[: len(tags) - first] = tags[first:]
        self.free += len(tags)

    def owned(self, batch: int, state: State) -> U16:
        """Tags of a batch in one state."""
        return np.flatnonzero((self.batch == batch) & (self.state == state)).astype(np.uint16)

    def all_distinct(self, tags: U16, state: State) -> bool:
        """Whether all `tags` are of contexts in `state`, none of them twice."""
        if len(tags) and int(tags.max()) >= len(self.state):
            return False
        return not (self.state.take(tags) != state).any() and self._distinct(tags)

    def _move(self, tags: U16, before: State, after: State) -> None:
        wrong = self.state.take(tags) != before
        if wrong.any():
            tag = int(tags[wrong.argmax()])
            now = State(int(self.state[tag])).name
            raise ContextError(f"context {tag} is {now}, not {before.name}: can't become {after.name}")
        if not self._distinct(tags):
            raise ContextError(f"a context is named twice on its way to {after.name}")
        self.state[tags] = after

    def _distinct(self, tags: U16) -> bool:
        order = np.arange(len(tags))
        self._mark[tags] = order
        return not (self._mark.take(tags) != order).any()
