"""LiteX CSRs from the project's own register declarations (sgdma.spec.registers): their order, their texts."""

from __future__ import annotations

from litex.gen import LiteXModule
from litex.soc.interconnect.csr import CSRField, CSRStatus, CSRStorage
from litex.soc.interconnect.csr_eventmanager import EventManager

from sgdma.spec.registers import Bank, Register

__all__ = ["BankModule"]


def _fields(register: Register) -> list[CSRField]:
    return [CSRField(bits.name, size=bits.size, offset=bits.offset, description=bits.description, pulse=bits.pulse)
            for bits in register.fields]


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

    def get_csrs(self, sort: bool = False) -> list[CSRStatus | CSRStorage]:
        """All CSRs in declared order; LiteX gives them consecutive addresses."""
        events: dict[str, CSRStatus | CSRStorage] = {}
        manager = getattr(self, "ev", None)
        if isinstance(manager, EventManager):
            for csr in (manager.status, manager.pending, manager.enable):
                csr.name = f"ev_{csr.name.removeprefix('ev_')}"
                events[csr.name] = csr
        return [events.get(register.name) or getattr(self, register.name) for register in self.bank.registers]
