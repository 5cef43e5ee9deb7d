"""LambdaConcept ECPIX-5: Lattice ECP5-85F, serial port by the on-board FT2232H."""

from __future__ import annotations

from litex_boards.platforms import lambdaconcept_ecpix5
from litex_boards.targets.lambdaconcept_ecpix5 import _CRG

from sgdma_soc.boards import Board

BOARD = Board(
    name="ecpix5",
    title="LambdaConcept ECPIX-5",
    fpga="ECP5 LFE5UM5G-85F",
    platform=lambda: lambdaconcept_ecpix5.Platform(device="85F", toolchain="trellis"),
    clock=_CRG,
    clock_hz=50_000_000,
    memory_bytes=131072,
    loader="ecpix5",
)
