"""DMA memory in a board's DRAM, by LiteDRAM: the core has a port of its own on the crossbar."""

from __future__ import annotations

from typing import Any

from litedram.frontend.axi import LiteDRAMAXI2Native, LiteDRAMAXIPort
from litex.gen import LiteXModule

__all__ = ["DramPort", "add_dram"]


class DramPort(LiteXModule):
    """AXI on a LiteDRAM port of its own, `data_width` bits wide; addresses begin at 0."""

    def __init__(self, soc: Any, data_width: int) -> None:
        self.native = native = soc.sdram.crossbar.get_port(data_width=data_width)
        self.axi = LiteDRAMAXIPort(data_width, 32, id_width=1)
        self.bridge = LiteDRAMAXI2Native(self.axi, native)


def add_dram(soc: Any, phy: Any, module: Any) -> int:
    """Add controller and PHY; bytes of memory.

    Without a cache on the bus: what the host writes is in DRAM when the next doorbell rings.
    """
    soc.sdrphy = phy
    soc.add_sdram("sdram", phy=phy, module=module, size=1 << 30, l2_cache_size=0)
    return int(soc.bus.regions["main_ram"].size)
