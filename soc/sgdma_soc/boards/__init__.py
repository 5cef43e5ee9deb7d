"""The boards, a file each: what is on it, where the serial port is, what clock it runs at, how it is flashed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sgdma.errors import UsageError

__all__ = ["Board", "Dram", "board", "boards"]


@dataclass(frozen=True, kw_only=True)
class Dram:
    """SDRAM or DDR3 of a board, for DMA memory in place of block RAM."""

    title: str
    memory_bytes: int
    """Of it, what DMA memory takes: a power of two, up to `sgdma.spec.board.MEMORY_MOST`."""
    memory: Callable[[Any, int], tuple[Any, Any, Any]]
    """``memory(soc, hz)`` makes LiteDRAM's PHY, its module of the chip, and the Delays of the PHY or None."""
    clock: Callable[[Any, int], Any] | None = None
    """As `Board.clock`, where the memory needs clocks of its own."""
    data_width: int = 64
    """Bits of the core's bus: at least what the controller gives at a time."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board. ``platform()`` makes LiteX's platform, ``clock(platform, hz)`` the module with the domain `sys`."""

    name: str
    title: str
    fpga: str
    """Family and part, for `sgdma boards`."""
    platform: Callable[[], Any]
    clock: Callable[[Any, int], Any]
    clock_hz: int
    memory_bytes: int = 65536
    """DMA memory in block RAM, a power of two."""
    dram: Dram | None = None
    """What DMA memory can be in besides."""
    card_bytes: int = 16384
    """The fixture's card memory, in block RAM too."""
    queues: int = 2
    """Queue pairs that its FPGA has room for at that clock."""
    serial: str = "serial"
    """LiteX's name of the port that the host is connected to."""
    baud: int = 115200
    """Rate after power-up, in bits per second."""
    tools: str = "pip packages"
    """What builds its bitstream."""
    loader: str = ""
    """Name of the board for openFPGALoader; empty where it can't load it."""
    pcie: Callable[[Any, int, int], Any] | None = None
    """``pcie(soc, data_width, vectors)`` makes LitePCIe's PHY of a board that is a PCIe card: its memory is the host's,
    and what is said of serial port and DMA memory does not hold."""
    toolchain: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the platform's build, such as a seed."""

    def dram_or_none(self, wanted: bool) -> Dram | None:
        """The board's SDRAM if it is `wanted`. Raises UsageError when there is none to be had."""
        if wanted and self.dram is None:
            raise UsageError(f"{self.title}: DMA memory can't be in SDRAM here; build it without --dram")
        return self.dram if wanted else None

    def dma_bytes(self, dram: bool) -> int:
        """Bytes of DMA memory by the board's own choice, in its SDRAM or in block RAM. Raises UsageError."""
        return (self.dram_or_none(dram) or self).memory_bytes


def boards() -> list[str]:
    """Names of all boards."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def board(name: str) -> Board:
    """The board of that name. Raises UsageError that lists them."""
    if name not in boards():
        raise UsageError(f"board {name!r} is unknown; there are {', '.join(boards())}")
    found = importlib.import_module(f"{__name__}.{name}").BOARD
    assert isinstance(found, Board)
    return found
