"""Sipeed Tang Nano 20K: Gowin GW2AR-18, serial port by the on-board BL616. Small: build it with one queue pair."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from litex.build.io import DDROutput
from litex.gen import ClockSignal
from litex_boards.platforms import sipeed_tang_nano_20k
from litex_boards.targets.sipeed_tang_nano_20k import _CRG

from sgdma_soc.boards import Board, Dram
from sgdma_soc.dram.chips import sdram_2m32


def _sdram(soc: Any, hz: int) -> Any:
    """In the FPGA's package, clocked by a pin of its own."""
    names = {"cke": "O_sdram_cke", "cs_n": "O_sdram_cs_n", "cas_n": "O_sdram_cas_n", "ras_n": "O_sdram_ras_n",
             "we_n": "O_sdram_wen_n", "dm": "O_sdram_dqm", "a": "O_sdram_addr", "ba": "O_sdram_ba",
             "dq": "IO_sdram_dq"}  # fmt: skip
    soc.specials += DDROutput(0, 1, soc.platform.request("O_sdram_clk"), ClockSignal("sys"))
    return sdram_2m32(soc, hz, SimpleNamespace(**{name: soc.platform.request(pin) for name, pin in names.items()}))


BOARD = Board(
    name="tang_nano_20k",
    title="Sipeed Tang Nano 20K",
    fpga="Gowin GW2AR-18",
    platform=lambda: sipeed_tang_nano_20k.Platform(toolchain="gowin"),
    clock=_CRG,
    clock_hz=48_000_000,
    memory_bytes=16384,
    dram=Dram(title="SDRAM", memory_bytes=8 << 20, memory=_sdram),
    card_bytes=8192,
    queues=1,
    tools="Gowin EDA",
    loader="tangnano20k",
)
