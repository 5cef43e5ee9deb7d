"""OrangeCrab r0.2: Lattice ECP5-25F; the serial port is on the Feather pins, with a USB adapter of one's own."""

from __future__ import annotations

from typing import Any

from litex_boards.platforms import gsd_orangecrab
from litex_boards.targets.gsd_orangecrab import _CRG

from sgdma_soc.boards import Board


def _platform() -> Any:
    platform = gsd_orangecrab.Platform(revision="0.2", device="25F", toolchain="trellis")
    platform.add_extension(gsd_orangecrab.feather_serial)
    return platform


BOARD = Board(
    name="orangecrab",
    title="OrangeCrab r0.2",
    fpga="ECP5 LFE5U-25F",
    platform=_platform,
    clock=_CRG,
    clock_hz=40_000_000,
    memory_bytes=32768,
    card_bytes=8192,
    loader="orangeCrab",
)
