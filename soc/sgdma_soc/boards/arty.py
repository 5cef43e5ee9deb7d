"""Digilent Arty A7-35T: Xilinx Artix-7, serial port by the on-board FT2232H."""

from __future__ import annotations

from typing import Any

from litex.gen import LiteXModule
from litex_boards.platforms import digilent_arty
from litex_boards.targets.digilent_arty import _CRG

from sgdma_soc.boards import Board


def _clock(platform: Any, hz: int) -> LiteXModule:
    return _CRG(platform, hz, with_dram=False)


BOARD = Board(
    name="arty",
    title="Digilent Arty A7-35T",
    fpga="Artix-7 XC7A35T",
    platform=lambda: digilent_arty.Platform(variant="a7-35", toolchain="vivado"),
    clock=_clock,
    clock_hz=100_000_000,
    tools="Vivado",
    loader="arty_a7_35t",
)
