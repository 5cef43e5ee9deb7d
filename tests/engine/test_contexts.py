"""The life of a transfer context, as a state machine, and the rings under it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from sgdma.engine.buffers import Arena
from sgdma.engine.contexts import ContextError, Contexts, State
from sgdma.engine.ring import CompletionRing, SubmissionRing
from sgdma.targets import open_target

COUNT = 13


class Life(RuleBasedStateMachine):
    """Any order of claims and completions: a context has one owner, and is reused only after DONE."""

    mapped = Bundle("mapped")
    queued = Bundle("queued")
    done = Bundle("done")

    def __init__(self) -> None:
        super().__init__()
        self.contexts = Contexts(COUNT)
        self.owned: dict[int, State] = {}
        self.batches = 0

    @rule(target=mapped, count=st.integers(0, COUNT + 2))
    def claim(self, count: int):  # type: ignore[no-untyped-def]
        self.batches += 1
        if count > COUNT - len(self.owned):
            with pytest.raises(ContextError):
                self.contexts.claim(self.batches, np.arange(count))
            return multiple()
        tags = self.contexts.claim(self.batches, np.arange(count)).tolist()
        assert not self.owned.keys() & set(tags)
        self.owned |= dict.fromkeys(tags, State.MAPPED)
        assert all(self.contexts.batch[tag] == self.batches for tag in tags)
        return multiple(*tags)

    @rule(target=queued, tag=consumes(mapped))
    def queue(self, tag: int) -> int:
        self._step(tag, self.contexts.queue, State.QUEUED)
        return tag

    @rule(target=done, tag=consumes(queued))
    def finish(self, tag: int) -> int:
        self._step(tag, self.contexts.finish, State.DONE)
        return tag

    @rule(target=done, tag=consumes(mapped))
    def cancel(self, tag: int) -> int:
        self._step(tag, self.contexts.cancel, State.DONE)
        return tag

    @rule(tag=consumes(done))
    def release(self, tag: int) -> None:
        self.contexts.release(np.array([tag], np.uint16))
        del self.owned[tag]

    @rule(tag=st.integers(0, COUNT - 1), name=st.sampled_from(["queue", "finish", "cancel", "release"]))
    def refuse_every_other_way(self, tag: int, name: str) -> None:
        wants = {"queue": State.MAPPED, "finish": State.QUEUED, "cancel": State.MAPPED, "release": State.DONE}
        if self.owned.get(tag, State.FREE) is not wants[name]:
            with pytest.raises(ContextError, match=f"context {tag}"):
                getattr(self.contexts, name)(np.array([tag], np.uint16))

    @rule(tag=mapped)
    def refuse_the_same_one_twice(self, tag: int) -> None:
        with pytest.raises(ContextError, match="twice"):
            self.contexts.queue(np.array([tag, tag], np.uint16))

    @invariant()
    def states_agree(self) -> None:
        assert self.contexts.free == COUNT - len(self.owned)
        for tag in range(COUNT):
            assert self.contexts.state[tag] == self.owned.get(tag, State.FREE)

    def _step(self, tag: int, move, after: State) -> None:  # type: ignore[no-untyped-def]
        move(np.array([tag], np.uint16))
        self.owned[tag] = after


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase


def test_a_freed_context_is_reused_as_late_as_possible() -> None:
    contexts = Contexts(4)
    for expected in (0, 1, 2, 3, 0):
        tags = contexts.claim(1, np.arange(1))
        assert tags.tolist() == [expected]
        contexts.cancel(tags)
        contexts.release(tags)


def test_slots_wrap_around_the_ring_and_its_index() -> None:
    with open_target("model:") as target:
        ring = SubmissionRing(Arena(target, 1 << 20), 4, 256, 0)
        ring.tail = ring.head = ring.rung = (1 << 20) - 5
        slots = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
        ring.write(slots)
        assert (ring.tail, ring.free) == (7, 4)
        assert np.array_equal(ring.slots[[11, 12, 13, 14, 15, 0, 6]], slots[[0, 1, 2, 3, 4, 5, 11]])
        ring.consumed(8)  # beyond the tail: nonsense, ignored
        assert ring.free == 4
        ring.consumed(3)
        assert ring.free == 12


def test_records_are_taken_once_by_their_phase_over_many_wraps() -> None:
    with open_target("model:") as target:
        ring = CompletionRing(Arena(target, 1 << 20), 3, 256, 0)
        written, taken, random = 0, [], np.random.default_rng(5)
        while written < 70_000:
            for _ in range(int(random.integers(0, 9 - (written - len(taken))))):
                ring.records["sequence_number"][written % 8] = written & 0xFFFF
                ring.records["phase"][written % 8] = ~(written >> 3) & 1
                written += 1
            taken += ring.take()["sequence_number"].tolist()
            assert len(taken) == written
        assert taken == [index & 0xFFFF for index in range(written)]
