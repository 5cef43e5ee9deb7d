"""LiteX CSRs from the project's own register declarations (sgdma.spec.registers): their order, their texts."""

from __future__ import annotations

from collections.abc import Mapping

from litex.gen import Case, Cat, ClockSignal, Constant, Instance, LiteXModule, Mux, Signal
from litex.soc.interconnect import csr_bus
from litex.soc.interconnect.csr import CSRField, CSRStatus, CSRStorage
from litex.soc.interconnect.csr_eventmanager import EventManager, _EventSource

from sgdma.spec.registers import Bank, Register

__all__ = ["BankModule"]


def _fields(register: Register) -> list[CSRField]:
    return [CSRField(bits.name, size=bits.size, offset=bits.offset, description=bits.description, pulse=bits.pulse)
            for bits in register.fields]


def _read_from(csr: CSRStatus | CSRStorage, memory: Signal) -> None:
    """Let what a register reads as come from `memory`. To be called before LiteX lays out the bank."""
    lay_out = csr.do_finalize

    def do_finalize(busword: int, ordering: str) -> None:
        lay_out(busword, ordering)
        csr.comb += [word.w.eq(memory) for word in csr.simple_csrs]

    csr.do_finalize = do_finalize


class _Event(CSRStorage):
    """A register whose write is an event: what was written is for the hardware, and reads as zero."""

    def do_finalize(self, busword: int, ordering: str) -> None:
        """Called by LiteX when it lays out the bank."""
        super().do_finalize(busword, ordering)
        self.comb += [csr.w.eq(0) for csr in self.simple_csrs]


class BankModule(LiteXModule):
    """A module with one CSR per declared register, as attribute of the register's name.

    ``ro`` registers are CSRStatus, ``rw`` and ``wo`` are CSRStorage; ``wo`` reads as zero, as every word that can be
    read takes its part of a multiplexer. Registers of access ``ev`` belong to the EventManager that a subclass makes as
    ``self.ev``.
    """

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.memory: Signal | None = None
        for register in bank.registers:
            if register.access == "ev":
                continue
            if register.access == "ro":
                csr = CSRStatus(32, name=register.name, description=register.description, fields=_fields(register))
            else:
                storage = _Event if register.access == "wo" else CSRStorage
                csr = storage(32, name=register.name, description=register.description, fields=_fields(register),
                              reset=register.reset)
            setattr(self, register.name, csr)

    def read_through_memory(self, bus: csr_bus.Interface, clear: Signal, constants: Mapping[str, int]) -> None:
        """Read registers that only software writes, and `constants` (register names and values), through one memory
        in place of a multiplexer, and all of them a cycle before the register bus looks.

        `bus` is the register bus: its address stands for two cycles, and shows each of the bank's once with `clear`
        behind a reset. The bank's first 32 registers are read so, of which those of software must be zero behind a
        reset. To be called before the design is finalised.
        """
        self.memory = value = Signal(32)
        stored, kept_word, live, live_word = (Signal(32) for _ in range(4))
        moves, moved = Signal(), Signal()
        moving = {}
        places = 0
        content = [0] * 32
        pending = self._events()
        for index, register in enumerate(self.bank.registers[:32]):
            if register.name in pending:
                moving[index] = [live.eq(pending[register.name]), moves.eq(1)]
                continue
            csr = getattr(self, register.name)
            _read_from(csr, value)
            if register.name in constants:
                content[index] = constants[register.name]
            elif isinstance(csr, CSRStatus):
                moving[index] = [live.eq(csr.status), moves.eq(1)]
            elif not isinstance(csr, _Event):
                assert not register.reset, f"{register.name} is not zero behind a reset"
                places |= 1 << index
        self.comb += Case(bus.adr[:5], moving)
        self.sync += [kept_word.eq(stored), live_word.eq(live), moved.eq(moves)]
        self.comb += value.eq(Mux(moved, live_word, kept_word))
        words = sum(word << (32 * index) for index, word in enumerate(content))
        self.specials += Instance(
            "sgdma_readback", p_CONTENT=Constant(words, 1024), p_KEPT=Constant(places, 32), i_clk=ClockSignal("sys"),
            i_address=bus.adr[:5], i_clear=clear, i_write=bus.we & (bus.adr[5:] == self.bank.base // 128),
            i_write_data=bus.dat_w, o_read_data=stored,
        )  # fmt: skip

    def _events(self) -> dict[str, Cat]:
        """What the registers of the EventManager read as that only the hardware writes, if there is one."""
        manager = getattr(self, "ev", None)
        if not isinstance(manager, EventManager):
            return {}
        found = [source for source in vars(manager).values() if isinstance(source, _EventSource)]
        sources = sorted(found, key=lambda source: int(source.duid))
        return {"ev_status": Cat(*(source.status for source in sources)),
                "ev_pending": Cat(*(source.pending for source in sources))}  # fmt: skip

    def show(self, name: str, value: int) -> None:
        """Make a read-only register a constant."""
        register, csr = self.bank.register(name), getattr(self, name)
        if register.fields:
            self.comb += [getattr(csr.fields, bits.name).eq(value >> bits.offset & ((1 << bits.size) - 1))
                          for bits in register.fields]  # fmt: skip
        else:
            self.comb += csr.status.eq(value)

    def get_csrs(self, sort: bool = False) -> list[CSRStatus | CSRStorage]:
        """All CSRs in declared order; LiteX gives them consecutive addresses."""
        events: dict[str, CSRStatus | CSRStorage] = {}
        manager = getattr(self, "ev", None)
        if isinstance(manager, EventManager):
            for csr in (manager.status, manager.pending, manager.enable):
                csr.name = f"ev_{csr.name.removeprefix('ev_')}"
                events[csr.name] = csr
            if self.memory is not None:
                for csr in (manager.status, manager.pending):
                    _read_from(csr, self.memory)
        return [events.get(register.name) or getattr(self, register.name) for register in self.bank.registers]
