"""Test fixture around the core: loopback, pattern, card memory (SystemVerilog) and bus counters (here)."""

from __future__ import annotations

from typing import Any

from litex.gen import ClockSignal, Constant, Instance, ResetSignal, Signal

from sgdma.spec.registers import FIXTURE
from sgdma_soc.bank import BankModule
from sgdma_soc.core import SGDMA
from sgdma_soc.counters import SLOTS, CounterBank
from sgdma_soc.meter import BusMeter

__all__ = ["Fixture"]


class Fixture(BankModule):
    """User logic for tests, connected to the core's streams; counters watch the core's bus.

    `look` must be the word address on the register bus: it says which counter is read.
    """

    def __init__(self, core: SGDMA) -> None:
        super().__init__(FIXTURE)
        parameters = core.parameters

        # # #

        self.comb += [self.memory_bytes.status.eq(parameters.memory_bytes),
                      self.loopback_bytes.status.eq(parameters.loopback_bytes)]
        self.look = Signal(SLOTS.bit_length() - 1)
        self.clear = Signal()
        self.comb += self.clear.eq(self.command.re & self.command.storage[0])
        self._add_logic(core)
        self._add_meter(BusMeter(core))

    def _add_logic(self, core: SGDMA) -> None:
        control, parameters = self.control.fields, core.parameters
        ports: dict[str, Any] = {}
        for name, command in (("h2c", core.h2c_command), ("c2h", core.c2h_command)):
            ports |= {f"i_{name}_cmd_valid": command.valid, f"o_{name}_cmd_ready": command.ready,
                      f"i_{name}_cmd_address": command.address, f"i_{name}_cmd_port": command.port}
        ports["i_c2h_cmd_length"] = core.c2h_command.length
        for name, data, give, take in (("h2c", core.h2c, "i", "o"), ("c2h", core.c2h, "o", "i")):
            ports |= {f"{give}_{name}_valid": data.valid, f"{take}_{name}_ready": data.ready,
                      f"{give}_{name}_data": data.data, f"{give}_{name}_keep": data.keep,
                      f"{give}_{name}_last": data.last, f"{give}_{name}_error": data.error}
        self.specials += Instance(
            "sgdma_fixture",
            p_DATA_WIDTH=Constant(parameters.data_width, 32), p_MEMORY_BYTES=Constant(parameters.memory_bytes, 32),
            p_LOOPBACK_BYTES=Constant(parameters.loopback_bytes, 32),
            i_clk=ClockSignal("sys"), i_rst=ResetSignal("sys") | core.user_reset, i_reset=self.clear,
            i_hold_h2c=control.hold_h2c, i_hold_c2h=control.hold_c2h, i_fail_c2h=control.fail_c2h,
            i_short_c2h=control.short_c2h, i_seed=self.seed.storage,
            o_checked_beats=self.checked_beats.status, o_check_errors=self.check_errors.status,
            o_first_error=self.first_error.status, i_c2h_cancel=core.cancel, **ports,
        )  # fmt: skip

    def _add_meter(self, meter: BusMeter) -> None:
        self.meter = meter
        # All comes a cycle late, so nothing waits for the adder; what is shown is the same.
        snapshot = self.command.re & self.command.storage[1]
        self.counters = counters = CounterBank(
            {_slot(name): self._late(event) for name, event in meter.counts.items()},
            {_slot(name): self._late(event) for name, event in meter.stamps.items()},
        )
        self.comb += [
            counters.clear.eq(self._late(self.clear)), counters.snapshot.eq(self._late(snapshot)),
            counters.look.eq(self.look), self.cycles.status.eq(counters.cycles),
            *(getattr(self, name).status.eq(counters.word) for name in (*meter.counts, *meter.stamps)),
        ]  # fmt: skip

    def _late(self, event: Any) -> Signal:
        late = Signal()
        self.sync += late.eq(event)
        return late


def _slot(name: str) -> int:
    """A register's place among the counters: the low bits of its word address."""
    return FIXTURE.address(name) // 4 % SLOTS
