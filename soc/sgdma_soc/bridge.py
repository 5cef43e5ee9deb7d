"""From AXI-Lite to LiteX's register bus, one access at a time, in fewer LUTs than LiteX's bridge."""

from __future__ import annotations

from litex.gen import If, LiteXModule, Mux, Signal
from litex.soc.interconnect import csr_bus
from litex.soc.interconnect.axi import AXILiteInterface

__all__ = ["RegisterBridge"]


class RegisterBridge(LiteXModule):
    """Slave of an AXI-Lite bus, master of the register bus.

    A write is taken when its address and its data are both there (AXI forbids a master to hold back one until the other
    is taken). What goes to the register bus comes from registers: a bank decodes it for all that it holds. A read keeps
    its address for two cycles, so that a bank may look up what it shows in the first of them. Read data goes out
    ungated: it means something while it is valid only. Reads and writes take turns.

    Behind a reset it shows the first 32 addresses, one a cycle, with ``clear``: a memory that registers are read from
    is cleared then. Nobody gets in before that.
    """

    def __init__(self, axi_address_width: int = 32, csr_address_width: int = 14) -> None:
        self.axi_lite = axi = AXILiteInterface(data_width=32, address_width=axi_address_width)
        self.csr = csr = csr_bus.Interface(data_width=32, address_width=csr_address_width)

        # # #

        write, read, asked, settling, fetching, after_read = (Signal() for _ in range(6))
        idle, offered = Signal(), Signal()
        self.clear = clear = Signal(reset=1)
        self.comb += [
            idle.eq(~clear & ~asked & ~settling & ~fetching & ~axi.r.valid & ~axi.b.valid),
            offered.eq(axi.aw.valid & axi.w.valid),
            write.eq(idle & offered & (after_read | ~axi.ar.valid)),
            read.eq(idle & axi.ar.valid & ~(offered & after_read)),
            axi.aw.ready.eq(write), axi.w.ready.eq(write), axi.ar.ready.eq(read),
            csr.re.eq(asked),
        ]  # fmt: skip
        self.sync += [
            If(idle, csr.adr.eq(Mux(write, axi.aw.addr[2:], axi.ar.addr[2:]))), csr.dat_w.eq(axi.w.data),
            If(clear, csr.adr.eq(csr.adr[:5] + 1), clear.eq(csr.adr[:5] != 31)),
            csr.we.eq(write & (axi.w.strb != 0)),
            asked.eq(read), settling.eq(asked), fetching.eq(settling),  # the register bus answers a cycle later
            If(fetching, axi.r.valid.eq(1), axi.r.data.eq(csr.dat_r)).Elif(axi.r.ready, axi.r.valid.eq(0)),
            If(write, axi.b.valid.eq(1)).Elif(axi.b.ready, axi.b.valid.eq(0)),
            If(read | write, after_read.eq(read)),
        ]
