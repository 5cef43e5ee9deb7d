"""LambdaConcept ECPIX-5: Lattice ECP5-85F, serial port by the on-board FT2232H."""

from __future__ import annotations

from typing import Any

from litedram.modules import MT41K256M16
from litex.gen import ClockDomain, LiteXModule, Signal
from litex.soc.cores.clock import ECP5PLL
from litex_boards.platforms import lambdaconcept_ecpix5
from litex_boards.targets.lambdaconcept_ecpix5 import _CRG

from sgdma_soc.boards import Board, Dram
from sgdma_soc.dram.chips import ecp5_ddr3


class _Clock(LiteXModule):
    """`sys` from the oscillator. LiteX's own, with the edge clocks of DDR3, can't be routed without it."""

    def __init__(self, platform: Any, hz: int) -> None:
        self.rst = Signal()
        self.cd_sys = ClockDomain()
        self.pll = pll = ECP5PLL()
        self.comb += pll.reset.eq(~platform.request("rst_n") | self.rst)
        pll.register_clkin(platform.request("clk100"), 100e6)
        pll.create_clkout(self.cd_sys, hz)


BOARD = Board(
    name="ecpix5",
    title="LambdaConcept ECPIX-5",
    fpga="ECP5 LFE5UM5G-85F",
    platform=lambda: lambdaconcept_ecpix5.Platform(device="85F", toolchain="trellis"),
    clock=_Clock,
    clock_hz=45_000_000,
    memory_bytes=131072,
    dram=Dram(title="DDR3", memory_bytes=16 << 20, clock=_CRG, data_width=128,
              memory=lambda soc, hz: ecp5_ddr3(soc, hz, MT41K256M16)),
    loader="ecpix5",
)
