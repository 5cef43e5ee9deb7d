"""The serial side of a board: the PHY on its pins, and what stands between it and the bus."""

from __future__ import annotations

from typing import Any

from litex.gen import LiteXModule, Signal
from litex.soc.cores.uart import RS232PHYRX, RS232PHYTX, RS232PHYModel, Stream2Wishbone

from sgdma_soc.board.watch import BusWatch
from sgdma_soc.boards import Board, judged
from sgdma_soc.link.link import ReliableLink, tuning_word

__all__ = ["PATIENCE", "SerialPhy", "add_link"]

PATIENCE = 1 << 13
"""Cycles after which an access that nobody answers is answered by an error. Refresh of a memory chip and whatever else
holds an access up take some hundreds; a host repeats what it waits for too long, so an answer must not be late."""


class SerialPhy(LiteXModule):
    """RS-232 on two pins. ``tuning``: 2**32 x bits per second / clock, set by the link."""

    def __init__(self, pads: Any) -> None:
        self.tuning = Signal(32)
        self.tx, self.rx = RS232PHYTX(pads, self.tuning), RS232PHYRX(pads, self.tuning)
        self.sink, self.source = self.tx.sink, self.rx.source


def add_link(soc: Any, board: Board, kind: str, baud: int, *, bits: bool = False) -> None:
    """Make the host a master of the bus, by the `reliable` link or LiteX's `uartbone`."""
    with judged(board, "serial"):
        pads = soc.platform.request("serial" if bits else board.serial)
    phy = RS232PHYModel(pads) if hasattr(pads, "source_valid") else SerialPhy(pads)
    soc.serial_phy = phy
    clock = int(soc.sys_clk_freq)
    if kind == "uartbone":
        soc.link = Stream2Wishbone(phy, clock)
    else:
        soc.link = ReliableLink(clock, baud, phy)
    if hasattr(phy, "tuning"):
        soc.comb += phy.tuning.eq(tuning_word(baud, clock) if kind == "uartbone" else soc.link.tuning)
    soc.link_watch = watch = BusWatch(PATIENCE, acknowledge=kind == "uartbone")
    soc.comb += soc.link.wishbone.connect(watch.master)
    soc.bus.add_master("link", watch.bus)
