"""Radiona ULX3S: Lattice ECP5, 32 MiB of SDRAM, serial port by an FT231X."""

from __future__ import annotations

from litex_boards.platforms import radiona_ulx3s
from litex_boards.targets.radiona_ulx3s import _CRG

from sgdma_soc.boards import Board, Dram
from sgdma_soc.dram.chips import sdram_16m16

BOARD = Board(
    name="ulx3s",
    title="Radiona ULX3S",
    fpga="ECP5 LFE5U-45F",
    platform=lambda: radiona_ulx3s.Platform(device="LFE5U-45F", revision="2.0", toolchain="trellis"),
    clock=_CRG,
    clock_hz=45_000_000,
    memory_bytes=65536,
    dram=Dram(title="SDRAM", memory_bytes=16 << 20, memory=sdram_16m16),
    loader="ulx3s",
)
