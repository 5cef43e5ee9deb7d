"""The board's own registers: what the SoC is, where its memory lies, and which ranges of it shall fail."""

from __future__ import annotations

from litex.gen import Cat, If, Signal

from sgdma.spec.registers import BOARD, BOARD_MAGIC, FAULT_RANGES
from sgdma_soc.bank import BankModule
from sgdma_soc.board.guard import MemoryGuard
from sgdma_soc.board.memory import BlockMemory
from sgdma_soc.dram.memory import DramMemory

__all__ = ["BoardRegisters"]


class BoardRegisters(BankModule):
    """Registers of the bank `board`; `cpu_hold` goes to the CPU's reset. Without `memory`, DMA memory is the host's."""

    def __init__(
        self, guard: MemoryGuard, memory: BlockMemory | DramMemory | None = None, memory_base: int = 0,
        memory_bytes: int = 0, *, mailbox: int = 0, scope: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(BOARD)
        self.cpu_hold = self.control.fields.cpu_hold

        # # #

        features = self.features.fields
        self.comb += [
            self.magic.status.eq(BOARD_MAGIC), features.cpu.eq(int(mailbox != 0)),
            features.clear.eq(int(memory is not None)), features.images.eq(int(memory is not None)),
            features.scope.eq(int(scope)), features.dram.eq(int(isinstance(memory, DramMemory))),
            features.fault_ranges.eq(FAULT_RANGES),
            self.memory_base.status.eq(memory_base), self.memory_bytes.status.eq(memory_bytes),
            self.mailbox.status.eq(mailbox),
        ]  # fmt: skip
        self._add_faults(guard)
        if memory is not None:
            self._add_clear(memory)

    def _add_clear(self, memory: BlockMemory | DramMemory) -> None:
        self.comb += [
            self.memory_state.fields.ready.eq(memory.ready), self.memory_state.fields.failed.eq(memory.failed),
            self.memory_lanes.status.eq(memory.lanes),
            memory.clear_first.eq(self.clear_start.storage), memory.clear_last.eq(self.clear_last.storage),
            memory.clear.eq(self.clear_last.re),
            self.clear_busy.fields.busy.eq(memory.clearing | memory.clear),
        ]  # fmt: skip

    def _add_faults(self, guard: MemoryGuard) -> None:
        new, hits = self.fault_set.fields, Signal(32)
        self.comb += [
            guard.range_index.eq(new.index), guard.range_start.eq(self.fault_start.storage),
            guard.range_last.eq(self.fault_last.storage),
            guard.range_ways.eq(Cat(new.read, new.write, new.unmapped)),
            guard.range_set.eq(self.fault_set.re), guard.range_clear.eq(self.fault_clear.re),
        ]  # fmt: skip
        self.comb += self.fault_hits.status.eq(hits)
        self.sync += If(self.fault_clear.re, hits.eq(0)).Else(hits.eq(hits + guard.hit[0] + guard.hit[1]))
