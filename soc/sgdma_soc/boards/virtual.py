"""A board in Verilator, served by `sgdma serve --uart`: the SoC of every board behind a stream of bytes."""

from __future__ import annotations

from typing import Any

from litedram.modules import M12L64322A
from litedram.phy.model import SDRAMPHYModel
from litex.build.generic_platform import GenericPlatform, Pins, Subsignal
from litex.gen import ClockDomain, LiteXModule

from sgdma_soc.boards import Board, Dram

_PADS = [
    ("clk", 0, Pins(1)),
    ("rst", 0, Pins(1)),
    ("bytes", 0, Subsignal("source_valid", Pins(1)), Subsignal("source_ready", Pins(1)),
     Subsignal("source_data", Pins(8)), Subsignal("sink_valid", Pins(1)), Subsignal("sink_ready", Pins(1)),
     Subsignal("sink_data", Pins(8))),
    ("serial", 0, Subsignal("tx", Pins(1)), Subsignal("rx", Pins(1))),
]  # fmt: skip


class _Clock(LiteXModule):
    def __init__(self, platform: GenericPlatform, hz: int) -> None:
        self.cd_sys = ClockDomain()
        self.comb += [self.cd_sys.clk.eq(platform.request("clk")), self.cd_sys.rst.eq(platform.request("rst"))]


def _sdram(_: Any, hz: int) -> tuple[Any, Any, Any]:
    """The chip of Colorlight i5, modelled at the PHY's interface."""
    chip = M12L64322A(hz, "1:1")
    return SDRAMPHYModel(chip, data_width=32, clk_freq=hz), chip, None


BOARD = Board(
    name="virtual",
    title="Virtual board (Verilator)",
    fpga="none",
    platform=lambda: GenericPlatform("", _PADS, name="sgdma_virtual"),
    clock=_Clock,
    clock_hz=50_000_000,
    memory_bytes=16 << 20,
    dram=Dram(title="SDRAM", memory_bytes=8 << 20, memory=_sdram),
    queues=4,
    serial="bytes",
    tools="g++, make, perl",
    simulated=True,
)
