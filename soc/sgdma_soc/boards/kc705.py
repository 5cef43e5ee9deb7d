"""Xilinx KC705: Kintex-7, four of its lanes of PCIe."""

from __future__ import annotations

from typing import Any

from litex.gen import LiteXModule
from litex_boards.platforms import xilinx_kc705
from litex_boards.targets.xilinx_kc705 import _CRG

from sgdma_soc.boards import Board
from sgdma_soc.pcie.series7 import series7_phy


def _clock(platform: Any, hz: int) -> LiteXModule:
    clock = _CRG(platform, hz)
    platform.add_period_constraint(clock.cd_sys.clk, 1e9 / hz)
    return clock


BOARD = Board(
    name="kc705",
    title="Xilinx KC705",
    fpga="Kintex-7 XC7K325T",
    platform=lambda: xilinx_kc705.Platform(),
    clock=_clock,
    clock_hz=125_000_000,
    card_bytes=65536,
    queues=4,
    pcie=lambda soc, data_width, vectors: series7_phy(soc.platform, "pcie_x4", data_width, vectors),
    tools="Vivado",
    loader="kc705",
)
