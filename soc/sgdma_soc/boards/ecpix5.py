"""LambdaConcept ECPIX-5: Lattice ECP5-85F, serial port by the on-board FT2232H."""

from __future__ import annotations

from typing import Any

from litex.gen import ClockDomain, LiteXModule, Signal
from litex.soc.cores.clock import ECP5PLL
from litex_boards.platforms import lambdaconcept_ecpix5

from sgdma_soc.boards import Board


class _Clock(LiteXModule):
    """`sys` from the oscillator. LiteX's own has the edge clocks of DDR3 as well, which can't be routed without it."""

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
    loader="ecpix5",
)
