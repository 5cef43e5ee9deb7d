"""OrangeCrab r0.2: Lattice ECP5-25F; the serial port is on the Feather pins, with a USB adapter of one's own."""

from __future__ import annotations

from typing import Any

from litedram.modules import MT41K64M16
from litex_boards.platforms import gsd_orangecrab
from litex_boards.targets.gsd_orangecrab import _CRG, _CRGSDRAM

from sgdma_soc.boards import Board, Dram
from sgdma_soc.dram.chips import ecp5_ddr3


def _platform() -> Any:
    platform = gsd_orangecrab.Platform(revision="0.2", device="25F", toolchain="trellis")
    platform.add_extension(gsd_orangecrab.feather_serial)
    return platform


def _ddr3(soc: Any, hz: int) -> Any:
    """The chip's DM lines are swapped, and its bank of pins takes supply and ground from pins too."""
    pads = soc.platform.request("ddram")
    soc.comb += [pads.vccio.eq(0b111111), pads.gnd.eq(0)]
    phy, chip, delays = ecp5_ddr3(
        soc, hz, MT41K64M16, pads, dm_remapping={0: 1, 1: 0}, cmd_delay=0 if hz > 64_000_000 else 100
    )
    phy.settings.rtt_nom = "disabled"
    return phy, chip, delays


BOARD = Board(
    name="orangecrab",
    title="OrangeCrab r0.2",
    fpga="ECP5 LFE5U-25F",
    platform=_platform,
    clock=_CRG,
    clock_hz=40_000_000,
    memory_bytes=32768,
    dram=Dram(title="DDR3", memory_bytes=16 << 20, clock=_CRGSDRAM, data_width=128, memory=_ddr3),
    card_bytes=8192,
    loader="orangeCrab",
)
