"""The session's device: opened once, fresh for every test, and looked after behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sgdma.engine.buffers import GUARD, DmaBuffer
from sgdma.engine.device import Dma
from sgdma.engine.identity import Identity, choose_rules, probe
from sgdma.engine.registers import Registers
from sgdma.errors import GuardDamaged
from sgdma.rules import RuleSet
from sgdma.run.transactions import TransactionLog
from sgdma.targets import Capability, Target, open_target

__all__ = ["ARENA", "GUARD_BYTES", "GuardedDma", "Rig"]

ARENA = 16 << 20
"""DMA memory of a test that asks for no other size: clearing it is most of what a fresh device costs."""
FAR_RINGS = {"sq_log2": 10, "cq_log2": 9}
"""Rings where memory is beyond a link: a test that looks at all of them moves them."""
GUARD_BYTES = 64


class GuardedDma(Dma):
    """A `Dma` whose buffers have guard bytes on both sides, looked at when they are freed and behind the test."""

    def __init__(self, target: Target, **options: Any) -> None:
        self._guarded: list[DmaBuffer] = []
        super().__init__(target, **options)

    def buffer(self, size: int, align: int = 64, *, residue: int = 0, boundary: int = 0, guard: int = 0) -> DmaBuffer:
        """As :meth:`Dma.buffer`; without `boundary`, in which guards might not fit, at least GUARD_BYTES of guard."""
        wanted = guard if boundary else max(guard, GUARD_BYTES)
        buffer = super().buffer(size, align, residue=residue, boundary=boundary, guard=wanted)
        if buffer.guards:
            self.arena.push(*_places(buffer))
            self._guarded.append(buffer)
        return buffer

    def free(self, buffer: DmaBuffer) -> None:
        """As :meth:`Dma.free`. Raises :class:`GuardDamaged`."""
        if buffer in self._guarded:
            self._guarded.remove(buffer)
            self._inspect(buffer)
        super().free(buffer)

    def inspect(self) -> None:
        """What holds behind every test. Raises AssertionError for requests left pending, DeviceError else."""
        self.poll()
        if self.pending:
            raise AssertionError(f"{self.pending} requests are still pending behind the test; wait for them or reset()")
        self.check()
        for buffer in self._guarded:
            self._inspect(buffer)

    def _inspect(self, buffer: DmaBuffer) -> None:
        __tracebackhide__ = True
        self.arena.pull(*_places(buffer))
        for guard, start in zip(buffer.guards, _places(buffer)[0].tolist(), strict=True):
            wrong = np.flatnonzero(guard != GUARD)
            if len(wrong):
                raise GuardDamaged(
                    f"buffer {buffer.iova:#x} + {buffer.size}: {len(wrong)} guard bytes changed, the first at "
                    f"{start + int(wrong[0]):#x}; the device wrote beyond a segment, or the test beyond the buffer"
                )


def _places(buffer: DmaBuffer) -> tuple[Any, Any]:
    """Bus addresses and sizes of the two guards."""
    sizes = np.array([len(guard) for guard in buffer.guards], np.int64)
    return np.array([buffer.iova - sizes[0], buffer.iova + buffer.size], np.int64), sizes


class Rig:
    """One target for a whole session, opened when it is first needed."""

    def __init__(
        self, url: str, *, allow_mismatch: bool, log: TransactionLog,
        on_open: Callable[[Target, Identity, RuleSet], object] = lambda *what: None,
    ) -> None:  # fmt: skip
        self.url, self.allow_mismatch, self.log, self.on_open = url, allow_mismatch, log, on_open
        self._opened: tuple[Target, Identity, RuleSet] | None = None

    @property
    def target(self) -> Target:
        """The open target. Raises RigError, UsageError."""
        return self._open()[0]

    @property
    def identity(self) -> Identity:
        """What the device says of itself."""
        return self._open()[1]

    @property
    def rules(self) -> RuleSet:
        """The rule set that the device enforces."""
        return self._open()[2]

    def _open(self) -> tuple[Target, Identity, RuleSet]:
        if self._opened is None:
            target = open_target(self.url)
            try:
                identity = probe(target, allow_mismatch=self.allow_mismatch)
                rules = choose_rules(target, identity, None, allow_mismatch=self.allow_mismatch)
                offset = Registers(target).read64("time") - target.now()
            except BaseException:
                target.close()
                raise
            self._opened = target, identity, rules
            self.log.note("session", target=self.url, clock_offset=offset)
            self.on_open(target, identity, rules)
        return self._opened

    @contextlib.contextmanager
    def device(self, **options: Any) -> Iterator[GuardedDma]:
        """A fresh device for one test: reset, no faults, the fixture empty. Its options are those of `sgdma.open`."""
        target = self.target
        self._calm(target)
        try:
            sizes: dict[str, Any] = {"arena": min(ARENA, target.memory_bytes * 7 // 8)}
            if Capability.DIRECT_MEMORY not in target.capabilities:
                sizes |= FAR_RINGS
            dma = GuardedDma(target, **{**sizes, "allow_mismatch": self.allow_mismatch, **options})
            if self.identity.fixture:
                dma.fixture.write("control", 0)
                dma.fixture.write("seed", 0)
                dma.fixture.write("command", reset=1)
                dma.fixture.write("command", snapshot=1)
        except BaseException:
            self.close()  # the next test begins with a new connection
            raise
        dma.observers.append(self.log)
        try:
            yield dma
        finally:
            self._calm(target)
            dma.close()

    def close(self) -> None:
        """Let go of the target."""
        opened, self._opened = self._opened, None
        if opened:
            opened[0].close()

    @staticmethod
    def _calm(target: Target) -> None:
        if Capability.FAULT_INJECTION in target.capabilities:
            target.faults.clear()
            target.reset()  # memory's manners go back to what the URL says
