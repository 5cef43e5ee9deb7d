"""SQRL Acorn CLE-215+ (NiteFury is its twin): Xilinx Artix-7 on an M.2 card, four lanes of PCIe."""

from __future__ import annotations

from typing import Any

from litex.gen import LiteXModule
from litex_boards.platforms import sqrl_acorn
from litex_boards.targets.sqrl_acorn import CRG

from sgdma_soc.boards import Board
from sgdma_soc.pcie.series7 import series7_phy


def _clock(platform: Any, hz: int) -> LiteXModule:
    clock = CRG(platform, hz)
    platform.add_period_constraint(clock.cd_sys.clk, 1e9 / hz)
    return clock


def _phy(soc: Any, data_width: int, vectors: int) -> Any:
    soc.comb += soc.platform.request("pcie_clkreq_n").eq(0)
    return series7_phy(soc.platform, "pcie_x4", data_width, vectors)


BOARD = Board(
    name="acorn",
    title="SQRL Acorn CLE-215+",
    fpga="Artix-7 XC7A200T",
    platform=lambda: sqrl_acorn.Platform(variant="cle-215+"),
    clock=_clock,
    clock_hz=125_000_000,
    card_bytes=65536,
    queues=4,
    pcie=_phy,
    tools="Vivado",
    loader="acornCle215",
)
