"""A board in Verilator, served by `sgdma serve --uart`: the SoC of every board behind a stream of bytes."""

from __future__ import annotations

from litex.build.generic_platform import GenericPlatform, Pins, Subsignal
from litex.gen import ClockDomain, LiteXModule

from sgdma_soc.boards import Board

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


BOARD = Board(
    name="virtual",
    title="Virtual board (Verilator)",
    fpga="none",
    platform=lambda: GenericPlatform("", _PADS, name="sgdma_virtual"),
    clock=_Clock,
    clock_hz=50_000_000,
    memory_bytes=16 << 20,
    queues=4,
    serial="bytes",
    tools="g++, make, perl",
)
