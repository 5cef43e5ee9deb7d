"""What the bridge asks of a PHY of LitePCIe, and one whose streams of TLPs are pads: for simulation."""

from __future__ import annotations

from typing import Any

from litepcie.common import get_bar_mask, phy_layout
from litex.build.generic_platform import Pins, Subsignal
from litex.gen import LiteXModule, Signal
from litex.soc.interconnect import stream

from sgdma.spec.pcie import BAR0_BYTES

__all__ = ["StubPHY", "stub_pads"]


def stub_pads(data_width: int) -> list[tuple[Any, ...]]:
    """Pads of a StubPHY: TLPs to the host (`tx`) and from it (`rx`), and what the host has configured."""

    def tlps(name: str) -> tuple[Any, ...]:
        parts = (("valid", 1), ("ready", 1), ("first", 1), ("last", 1), ("dat", data_width), ("be", data_width // 8))
        return (name, 0, *(Subsignal(part, Pins(width)) for part, width in parts))

    return [tlps("tx"), tlps("rx"), ("function_id", 0, Pins(16)), ("max_payload", 0, Pins(16)),
            ("max_request", 0, Pins(16)), ("msix_enable", 0, Pins(1))]  # fmt: skip


class StubPHY(LiteXModule):
    """No link: what a hard block would give and take at its user side are pads."""

    def __init__(self, platform: Any, data_width: int) -> None:
        self.data_width = data_width
        self.sink = stream.Endpoint(phy_layout(data_width))
        self.source = stream.Endpoint(phy_layout(data_width))
        self.id, self.max_payload_size, self.max_request_size = Signal(16), Signal(16), Signal(16)
        self.msix_enable = Signal()
        self.bar0_size, self.bar0_mask = BAR0_BYTES, get_bar_mask(BAR0_BYTES)

        # # #

        tx, rx = platform.request("tx"), platform.request("rx")
        for part in ("valid", "first", "last", "dat", "be"):
            self.comb += [getattr(tx, part).eq(getattr(self.sink, part)),
                          getattr(self.source, part).eq(getattr(rx, part))]  # fmt: skip
        self.comb += [
            self.sink.ready.eq(tx.ready), rx.ready.eq(self.source.ready),
            self.id.eq(platform.request("function_id")),
            self.max_payload_size.eq(platform.request("max_payload")),
            self.max_request_size.eq(platform.request("max_request")),
            self.msix_enable.eq(platform.request("msix_enable")),
        ]  # fmt: skip
