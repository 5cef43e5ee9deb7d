"""The core's AXI4 port, registers and interrupts as TLPs on the streams of a LitePCIe PHY.

The transaction layer is our own (rtl/pcie), on the interface of LitePCIe's PHYs, for three reasons. Its crossbar has no
byte enables. Its controller has neither time-outs nor errors: a completion that never comes keeps its tag and all
that is behind it for ever. And its way back spends extra cycles on each completion: in reads of 4 KiB its DMA reaches
82 % of what the streams carry at 256 bit, 89 % at 128, 94 % at 64 (`sgdma bench pcie`); this one is to reach 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litepcie.common import phy_layout
from litex.gen import ClockSignal, Instance, LiteXModule, ResetSignal, Signal
from litex.soc.interconnect import csr_bus, stream
from litex.soc.interconnect.axi import AXIInterface
from litex.soc.interconnect.packet import Arbiter, Dispatcher

from sgdma.errors import BuildParameterError
from sgdma.spec.build import BuildParameters

__all__ = ["BridgeOptions", "PcieBridge", "bridge_sources"]


@dataclass(frozen=True, kw_only=True)
class BridgeOptions:
    """Reads under way, and for how long. Raises BuildParameterError.

    `timeout`: cycles from a read request to its last completion; `quarantine`: cycles more before the tag of a request
    that timed out is used again, whatever has come by then.
    """

    tags: int = 32
    timeout: int = 6_250_000
    quarantine: int = 50_000_000

    def __post_init__(self) -> None:
        if self.tags not in (16, 32):
            raise BuildParameterError(f"tags = {self.tags}: must be 16 or 32, which every host allows")
        for name in ("timeout", "quarantine"):
            value = getattr(self, name)
            if not 64 <= value < 1 << 30:
                raise BuildParameterError(f"{name} = {value}: must be 64..{(1 << 30) - 1} cycles")


def bridge_sources(root: Path) -> list[Path]:
    """The bridge's SystemVerilog below the checkout `root`, its package first."""
    package = root / "rtl" / "pcie" / "sgdma_tlp_pkg.sv"
    return [package, *(path for path in sorted(package.parent.glob("sgdma_*.sv")) if path != package)]


class PcieBridge(LiteXModule):
    """Slave of the core's memory bus, master of the register bus, user of a PHY.

    ::

                 +-----------+   TLPs    +-----+
        axi ---->|           |---------->| PHY |
        csr <----| sgdma_tlp |<----------|     |
        fire --->|           |           +-----+
                 +-----------+

    `fire`: a pulse a vector, an MSI-X message each. A PHY with streams of requests and of completions of its own is
    served by one dispatcher and one arbiter.
    """

    def __init__(self, phy: Any, parameters: BuildParameters, options: BridgeOptions) -> None:
        width, vectors = parameters.data_width, parameters.queues + 1
        if width not in (64, 128, 256):
            raise BuildParameterError(f"data_width = {width}: must be 64, 128 or 256 behind PCIe")
        if phy.data_width != width:
            raise BuildParameterError(f"data_width = {width}: must be the PHY's, {phy.data_width}")
        self.axi = AXIInterface(data_width=width, address_width=64, id_width=1)
        self.csr = csr_bus.Interface(data_width=32, address_width=14)
        self.fire = Signal(vectors)
        self.msix_enable = Signal()

        # # #

        tx, rx = self._streams(phy, width)
        address = Signal(16)
        self.comb += self.csr.adr.eq(address[2:])
        self.specials += Instance(
            "sgdma_tlp",
            p_DATA_WIDTH=width, p_VECTORS=vectors, p_BURST=parameters.burst_bytes, p_TAGS=options.tags,
            p_TIMEOUT=options.timeout, p_QUARANTINE=options.quarantine,
            i_clk=ClockSignal("sys"), i_rst=ResetSignal("sys"),
            i_id=phy.id, i_max_payload=phy.max_payload_size, i_max_request=phy.max_request_size,
            i_msix_enable=self.msix_enable, i_fire=self.fire,
            i_rx_valid=rx.valid, o_rx_ready=rx.ready, i_rx_last=rx.last, i_rx_data=rx.dat,
            o_tx_valid=tx.valid, i_tx_ready=tx.ready, o_tx_first=tx.first, o_tx_last=tx.last, o_tx_data=tx.dat,
            o_tx_be=tx.be,
            o_csr_address=address, o_csr_write_data=self.csr.dat_w, o_csr_write=self.csr.we, o_csr_read=self.csr.re,
            i_csr_read_data=self.csr.dat_r,
            **self._axi_ports(),
        )  # fmt: skip

    def _axi_ports(self) -> dict[str, Any]:
        axi = self.axi
        ports: dict[str, Any] = {}
        for name, channel in (("ar", axi.ar), ("aw", axi.aw)):
            ports |= {f"i_s_axi_{name}valid": channel.valid, f"o_s_axi_{name}ready": channel.ready,
                      f"i_s_axi_{name}id": channel.id, f"i_s_axi_{name}addr": channel.addr,
                      f"i_s_axi_{name}len": channel.len}
        return ports | {
            "o_s_axi_rvalid": axi.r.valid, "i_s_axi_rready": axi.r.ready, "o_s_axi_rid": axi.r.id,
            "o_s_axi_rdata": axi.r.data, "o_s_axi_rresp": axi.r.resp, "o_s_axi_rlast": axi.r.last,
            "i_s_axi_wvalid": axi.w.valid, "o_s_axi_wready": axi.w.ready, "i_s_axi_wdata": axi.w.data,
            "i_s_axi_wstrb": axi.w.strb, "i_s_axi_wlast": axi.w.last,
            "o_s_axi_bvalid": axi.b.valid, "i_s_axi_bready": axi.b.ready, "o_s_axi_bid": axi.b.id,
            "o_s_axi_bresp": axi.b.resp,
        }  # fmt: skip

    def _streams(self, phy: Any, width: int) -> tuple[Any, Any]:
        """(to the host, from the host), one stream each."""
        if hasattr(phy, "sink"):
            return phy.sink, phy.source
        tx, rx = stream.Endpoint(phy_layout(width)), stream.Endpoint(phy_layout(width))
        self.arbiter = Arbiter([phy.cmp_source, phy.req_source], rx)
        self.dispatcher = Dispatcher(tx, [phy.req_sink, phy.cmp_sink])
        self.comb += self.dispatcher.sel.eq(tx.dat[25:29] == 0b0101)  # type of a completion, locked or not
        return tx, rx
