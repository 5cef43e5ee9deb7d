"""Colorlight i5 on its extension board: Lattice ECP5-25F, 8 MiB of SDRAM, serial port by the on-board programmer."""

from __future__ import annotations

from litex_boards.platforms import colorlight_i5
from litex_boards.targets.colorlight_i5 import _CRG

from sgdma_soc.boards import Board, Dram
from sgdma_soc.dram.chips import sdram_2m32

BOARD = Board(
    name="colorlight_i5",
    title="Colorlight i5",
    fpga="ECP5 LFE5U-25F",
    platform=lambda: colorlight_i5.Platform(board="i5", revision="7.0", toolchain="trellis"),
    clock=_CRG,
    clock_hz=40_000_000,
    memory_bytes=32768,
    dram=Dram(title="SDRAM", memory_bytes=8 << 20, memory=sdram_2m32),
    card_bytes=8192,
    loader="colorlight-i5",
)
