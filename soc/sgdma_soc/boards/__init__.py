"""The boards, a file each: what is on it, where the serial port is, what clock it runs at, how it is flashed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sgdma.errors import BoardFileError, SgdmaError, UsageError

__all__ = ["Board", "Dram", "board", "boards", "judged"]


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
    """That of its file."""
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
    simulated: bool = False
    """It is there in Verilator only, so there is no bitstream of it."""

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
    """The board of that name. Raises UsageError that lists them, BoardFileError for one whose file is wrong."""
    if name not in boards():
        raise UsageError(f"board {name!r} is unknown; there are {', '.join(boards())}")
    try:
        found = importlib.import_module(f"{__name__}.{name}").BOARD
    except ModuleNotFoundError as error:
        raise BoardFileError(f"board {name}: boards/{name}.py imports {error.name}, which isn't there; mend the "
                             "import, or install what boards need: pip install 'sgdma[fpga]'") from error  # fmt: skip
    except Exception as error:
        raise BoardFileError(f"board {name}: boards/{name}.py can't be loaded ({type(error).__name__}: {error}); "
                             "mend it, its fields are in docs/bring-up.md") from error  # fmt: skip
    if not isinstance(found, Board):
        raise BoardFileError(f"board {name}: BOARD in boards/{name}.py is {found!r}; make it a sgdma_soc.boards.Board")
    if found.name != name:
        raise BoardFileError(f"board {name}: name={found.name!r} in boards/{name}.py; make it the file's, {name!r}")
    return found


_REMEDIES = {
    "platform": "it is called without arguments and gives LiteX's platform",
    "clock": "it is called with platform and Hz, and gives the module with the domain `sys`; wrap what takes other "
             "arguments, as boards/arty.py does",
    "serial": "name a port that LiteX's platform has",
    "dram": "`memory` is called with SoC and Hz, and gives PHY, chip and delays",
    "pcie": "it is called with SoC, data width and number of vectors, and gives LitePCIe's PHY",
}  # fmt: skip


@contextmanager
def judged(board: Board, field: str) -> Iterator[None]:
    """Where a field of a board's file is put to use: what goes wrong there is a BoardFileError that names it."""
    try:
        yield
    except SgdmaError:
        raise
    except Exception as error:
        raise BoardFileError(f"board {board.name}: its {field} fails ({type(error).__name__}: {error}); "
                             f"{_REMEDIES[field]}: mend boards/{board.name}.py") from error  # fmt: skip
