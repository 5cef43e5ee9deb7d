"""A LiteX SoC of one's own with the core in it, and user logic in Verilog behind it: docs/integration.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from litex.gen import ClockDomain, ClockSignal, Instance, LiteXModule, ResetSignal
from litex.soc.integration.soc_core import SoCMini

from sgdma.paths import checkout_root
from sgdma.spec.build import BuildParameters
from sgdma_soc.core import SGDMA, add_sources
from sgdma_soc.standalone import source_digest


class Clock(LiteXModule):
    def __init__(self, platform: Any) -> None:
        self.cd_sys = ClockDomain()  # all of the core is in the domain `sys`
        self.comb += [self.cd_sys.clk.eq(platform.request("clk")), self.cd_sys.rst.eq(platform.request("rst"))]


class OwnSoC(SoCMini):
    mem_map: ClassVar[dict[str, int]] = {"csr": 0xF000_0000}

    def __init__(self, platform: Any, parameters: BuildParameters) -> None:
        add_sources(platform, checkout_root())  # the core's SystemVerilog
        platform.add_source(str(Path(__file__).with_name("increment.sv")), language="systemverilog")
        self.crg = Clock(platform)
        super().__init__(platform, parameters.clock_hz, csr_data_width=32, with_ctrl=False, ident="")
        self.add_uartbone("serial")
        self.sgdma = core = SGDMA(parameters, parameters.content_hash(source_digest(checkout_root())))
        self.csr.add("sgdma", n=0)  # where the driver looks for the bank; LiteX would take the next place that is free
        self.comb += core.axi.connect_to_pads(platform.request("mem"), mode="master")  # or a port of your memory
        self.comb += platform.request("irq").eq(core.ev.irq)  # or, with a CPU: self.irq.add("sgdma")
        self.specials += Instance(
            "increment", p_DATA_WIDTH=parameters.data_width,
            i_clk=ClockSignal("sys"), i_rst=ResetSignal("sys"), i_user_reset=core.user_reset,
            i_h2c_cmd_valid=core.h2c_command.valid, o_h2c_cmd_ready=core.h2c_command.ready,
            i_h2c_tvalid=core.h2c.valid, o_h2c_tready=core.h2c.ready, i_h2c_tdata=core.h2c.data,
            i_h2c_tkeep=core.h2c.keep, i_h2c_tlast=core.h2c.last, i_h2c_tuser=core.h2c.error,
            i_c2h_cmd_valid=core.c2h_command.valid, o_c2h_cmd_ready=core.c2h_command.ready, i_c2h_cancel=core.cancel,
            o_c2h_tvalid=core.c2h.valid, i_c2h_tready=core.c2h.ready, o_c2h_tdata=core.c2h.data,
            o_c2h_tkeep=core.c2h.keep, o_c2h_tlast=core.c2h.last, o_c2h_tuser=core.c2h.error,
        )  # fmt: skip
