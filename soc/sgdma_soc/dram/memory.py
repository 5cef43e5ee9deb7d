"""DMA memory in a board's SDRAM or DDR3: LiteDRAM's controller, with a port for the core and one for everybody else."""

from __future__ import annotations

from typing import Any

from litedram.core.controller import ControllerSettings, LiteDRAMController
from litedram.core.crossbar import LiteDRAMCrossbar
from litedram.frontend.axi import LiteDRAMAXI2Native
from litedram.phy.dfi import Interface
from litex.soc.interconnect import stream
from litex.soc.interconnect.axi import AXIInterface
from migen import If, Module

from sgdma.errors import BuildParameterError
from sgdma_soc.dram.host_port import HostPort
from sgdma_soc.dram.start import Start
from sgdma_soc.dram.train import Delays, Train

__all__ = ["DramMemory"]

_READS = 32
"""Beats of reads that may be under way: more than a row change and a refresh hide."""


class DramMemory(Module):
    """`size` bytes behind `phy`, of the kind that `chip` is (a LiteDRAM module), as wide as the core's bus.

    ::

        core --- AXI ---+                    +--- start (until the chip is awake)
                        +--- controller -----+--- PHY --- chip
        bus --- host ---+                         |
                port ---- train (until done) -----+ delays

    The interface is BlockMemory's. `ready` rises when the chip is awake and its delays are found, `failed` when memory
    does not give back what was written; `lanes` then tells what was found, as Train has it. `delays`: what the PHY's
    delays are set by, if it has any. Raises BuildParameterError. It is no LiteXModule, so that LiteX makes no registers
    of LiteDRAM's.
    """

    def __init__(
        self, phy: Any, chip: Any, size: int, data_width: int, clock_hz: int, delays: Delays | None = None
    ) -> None:
        self.axi = AXIInterface(data_width=data_width, address_width=32, id_width=1)

        # # #

        self.submodules.phy = phy
        settings = phy.settings
        self.submodules.controller = controller = LiteDRAMController(
            settings, chip.geom_settings, chip.timing_settings, clock_hz, ControllerSettings()
        )
        self.submodules.crossbar = crossbar = LiteDRAMCrossbar(controller.interface)
        native = controller.interface.data_width
        if native > data_width:
            raise BuildParameterError(f"data_width = {data_width}: this board's memory gives {native} bit at a time; "
                                      f"build it with --data-width {native}")  # fmt: skip
        core, port = (crossbar.get_port(data_width=data_width) for _ in range(2))
        inner = AXIInterface(data_width=data_width, address_width=32, id_width=1)
        self.submodules.core = LiteDRAMAXI2Native(inner, core, w_buffer_depth=_READS, r_buffer_depth=_READS)
        self.comb += [inner.r.connect(self.axi.r), inner.b.connect(self.axi.b)]
        for name in ("ar", "aw", "w"):  # whether there is room is told by registers: LiteDRAM's way to it is long
            given, taken = getattr(self.axi, name), getattr(inner, name)
            cut = stream.Buffer(given.description, pipe_valid=False, pipe_ready=True)
            self.submodules += cut
            self.comb += [given.connect(cut.sink), cut.source.connect(taken)]
        self.submodules.train = train = Train(port, delays or Delays(settings.databits // 8))
        self.submodules.host = host = HostPort(port, size)
        self.wishbone, self.clear, self.clearing = host.wishbone, host.clear, host.clearing
        self.clear_first, self.clear_last = host.clear_first, host.clear_last
        self.comb += If(train.done, *host.port.connect(port)).Else(*train.port.connect(port))
        self.ready, self.failed = train.done & ~train.failed, train.done & train.failed
        self.comb += [
            host.ready.eq(self.ready), host.mark.eq(core.cmd.valid & core.cmd.ready & core.cmd.we),
            host.mark_page.eq(core.cmd.addr[host.page_bits :]),
        ]  # fmt: skip
        self._add_start(phy, chip, clock_hz)
        self.lanes = train.lanes

    def _add_start(self, phy: Any, chip: Any, clock_hz: int) -> None:
        """The chip is woken by a list of commands; then it is the controller's."""
        settings, given = phy.settings, self.controller.dfi
        first = Interface(len(given.p0.address), len(given.p0.bank), settings.nranks, settings.dfi_databits,
                          settings.nphases)  # fmt: skip
        self.submodules.start = start = Start(first, settings, chip.timing_settings, clock_hz)
        self.comb += [
            self.train.start.eq(start.done),
            If(start.done, given.connect(phy.dfi)).Else(first.connect(phy.dfi)),
        ]
