"""PHYs of the kinds of memory chip that boards carry, with what sets their delays: what a board's file names."""

from __future__ import annotations

from typing import Any

from litedram.modules import M12L64322A, MT48LC16M16
from litedram.phy import ECP5DDRPHY, GENSDRPHY

from sgdma_soc.dram.train import Delays

__all__ = ["ecp5_ddr3", "sdram_2m32", "sdram_16m16"]


def sdram_16m16(soc: Any, hz: int) -> tuple[Any, Any, None]:
    """32 MiB of SDRAM, 16 bit, at the pads `sdram`."""
    return GENSDRPHY(soc.platform.request("sdram"), hz), MT48LC16M16(hz, "1:1"), None


def sdram_2m32(soc: Any, hz: int, pads: Any = None) -> tuple[Any, Any, None]:
    """8 MiB of SDRAM, 32 bit, at `pads` or the platform's `sdram`."""
    return GENSDRPHY(pads or soc.platform.request("sdram"), hz), M12L64322A(hz, "1:1"), None


def ecp5_ddr3(soc: Any, hz: int, chip: Any, pads: Any = None, **settings: Any) -> tuple[Any, Any, Delays]:
    """DDR3 of an ECP5 at `pads` or the platform's `ddram`; `chip`: LiteDRAM's module, `settings`: more of its PHY.

    The clock module `soc.crg` must be one with edge clocks, which the PHY stops for a moment at power-up.
    """
    phy = ECP5DDRPHY(pads or soc.platform.request("ddram"), sys_clk_freq=hz, **settings)
    delays = Delays(phy.settings.databits // 8, phy.settings.delays, phy.settings.bitslips)
    soc.comb += [
        soc.crg.stop.eq(phy.init.stop), soc.crg.reset.eq(phy.init.reset),
        phy._dly_sel.storage.eq(delays.select),
        phy._rdly_dq_rst.re.eq(delays.reset), phy._rdly_dq_bitslip_rst.re.eq(delays.reset),
        phy._rdly_dq_inc.re.eq(delays.step), phy._rdly_dq_bitslip.re.eq(delays.slip),
        phy._burstdet_clr.re.eq(delays.clear), delays.burst.eq(phy._burstdet_seen.status),
    ]  # fmt: skip
    return phy, chip(hz, "1:2"), delays
