"""Sipeed Tang Nano 20K: Gowin GW2AR-18, serial port by the on-board BL616. Small: build it with one queue pair."""

from __future__ import annotations

from litex_boards.platforms import sipeed_tang_nano_20k
from litex_boards.targets.sipeed_tang_nano_20k import _CRG

from sgdma_soc.boards import Board

BOARD = Board(
    name="tang_nano_20k",
    title="Sipeed Tang Nano 20K",
    fpga="Gowin GW2AR-18",
    platform=lambda: sipeed_tang_nano_20k.Platform(toolchain="gowin"),
    clock=_CRG,
    clock_hz=48_000_000,
    memory_bytes=16384,
    card_bytes=8192,
    queues=1,
    tools="Gowin EDA",
    loader="tangnano20k",
)
