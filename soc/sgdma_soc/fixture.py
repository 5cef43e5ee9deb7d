"""Test fixture around the core: loopback, pattern, card memory (SystemVerilog) and bus counters (here)."""

from __future__ import annotations

from typing import Any

from litex.gen import ClockSignal, If, Instance, ResetSignal, Signal

from sgdma.spec.registers import FIXTURE
from sgdma_soc.bank import BankModule
from sgdma_soc.core import SGDMA

__all__ = ["Fixture"]


class Fixture(BankModule):
    """User logic for tests, connected to the core's streams; counters watch the core's bus."""

    def __init__(self, core: SGDMA) -> None:
        super().__init__(FIXTURE)
        parameters = core.parameters

        # # #

        self.comb += [self.memory_bytes.status.eq(parameters.memory_bytes),
                      self.loopback_bytes.status.eq(parameters.loopback_bytes)]
        self.clear = Signal()
        self.comb += self.clear.eq(self.command.re & self.command.storage[0])
        self._add_logic(core)
        self._add_counters(core)

    def _add_logic(self, core: SGDMA) -> None:
        control = self.control.fields
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
            p_DATA_WIDTH=core.parameters.data_width, p_MEMORY_BYTES=core.parameters.memory_bytes,
            p_LOOPBACK_BYTES=core.parameters.loopback_bytes,
            i_clk=ClockSignal("sys"), i_rst=ResetSignal("sys") | core.user_reset, i_reset=self.clear,
            i_hold_h2c=control.hold_h2c, i_hold_c2h=control.hold_c2h, i_fail_c2h=control.fail_c2h,
            i_short_c2h=control.short_c2h, i_seed=self.seed.storage,
            o_checked_beats=self.checked_beats.status, o_check_errors=self.check_errors.status,
            o_first_error=self.first_error.status, i_c2h_cancel=core.cancel, **ports,
        )  # fmt: skip

    def _add_counters(self, core: SGDMA) -> None:
        axi, h2c, c2h = core.axi, core.h2c, core.c2h
        events = {
            "cycles": 1,
            "r_beats": axi.r.valid & axi.r.ready,
            "w_beats": axi.w.valid & axi.w.ready,
            "ar_count": axi.ar.valid & axi.ar.ready,
            "aw_count": axi.aw.valid & axi.aw.ready,
            "ar_stall": axi.ar.valid & ~axi.ar.ready,
            "aw_stall": axi.aw.valid & ~axi.aw.ready,
            "w_stall": axi.w.valid & ~axi.w.ready,
            "h2c_beats": h2c.valid & h2c.ready,
            "h2c_stall": h2c.valid & ~h2c.ready,
            "c2h_beats": c2h.valid & c2h.ready,
            "c2h_stall": c2h.valid & ~c2h.ready,
        }
        snapshot = Signal()
        self.comb += snapshot.eq(self.command.re & self.command.storage[1])
        for name, event in events.items():
            running = Signal(32)
            self.sync += [
                If(event, running.eq(running + 1)),
                If(self.clear, running.eq(0)),
                If(snapshot, getattr(self, name).status.eq(running)),
            ]
