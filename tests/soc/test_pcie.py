"""The PCIe bridge as a LiteX module: its options, PHYs of both kinds, the project of a card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from litepcie.common import phy_layout
from litex.gen import ClockDomain, LiteXModule, Signal
from litex.gen.fhdl.verilog import convert
from litex.soc.interconnect import stream

from sgdma.bench.pcie import limit
from sgdma.errors import BuildParameterError
from sgdma.run import boards as known
from sgdma.spec.build import BuildParameters
from sgdma.spec.pcie import MSIX_PBA, MSIX_TABLE
from sgdma_soc.pcie.bridge import BridgeOptions, PcieBridge


class SplitPHY(LiteXModule):
    """Streams of requests and of completions of their own, as those of LitePCIe for Ultrascale+."""

    def __init__(self, width: int) -> None:
        self.data_width = width
        for name in ("req_sink", "cmp_sink", "req_source", "cmp_source"):
            setattr(self, name, stream.Endpoint(phy_layout(width)))
        self.id, self.max_payload_size, self.max_request_size = Signal(16), Signal(16), Signal(16)


@pytest.mark.parametrize("values", [{"tags": 64}, {"timeout": 10}, {"quarantine": 1 << 30}])
def test_options_are_refused_with_their_limit(values: dict[str, int]) -> None:
    with pytest.raises(BuildParameterError, match="must be"):
        BridgeOptions(**values)


@pytest.mark.parametrize(("width", "phy"), [(512, 512), (128, 64)])
def test_a_width_that_does_not_fit_is_refused(width: int, phy: int) -> None:
    with pytest.raises(BuildParameterError, match=f"data_width = {width}: must be"):
        PcieBridge(SplitPHY(phy), BuildParameters(data_width=width), BridgeOptions())


def test_a_phy_with_streams_of_its_own_for_completions_is_served() -> None:
    top = LiteXModule()
    top.cd_sys = ClockDomain("sys")
    top.phy = phy = SplitPHY(128)
    top.bridge = PcieBridge(phy, BuildParameters(data_width=128), BridgeOptions())
    ends = (phy.req_sink, phy.cmp_sink, phy.req_source, phy.cmp_source)
    ios = {signal for end in ends for signal in (end.valid, end.ready, end.last, end.dat)}
    assert "sgdma_tlp" in str(convert(top, ios={*ios, top.cd_sys.clk, top.cd_sys.rst}))


@pytest.mark.sim
@pytest.mark.parametrize("name", ["acorn", "kc705"])
def test_the_project_of_a_card_has_our_bar_and_msix(name: str, tmp_path: Path) -> None:
    board = known.board(name)
    parameters = BuildParameters(queues=board.queues, clock_hz=board.clock_hz, data_width=128)
    options = known.chosen(board, parameters, cpu=False)
    told = known.build(name, parameters, options, compile=False, output=tmp_path)
    assert told["options"]["timeout"] == board.clock_hz // 20
    script = (tmp_path / "gateware" / f"sgdma_{name}.tcl").read_text()
    for setting in (f"MSIx_Table_Offset {{{MSIX_TABLE:X}}}", f"MSIx_PBA_Offset {{{MSIX_PBA:X}}}", "Bar0_Size {64}"):
        assert setting in script, setting
    assert "sgdma_tlp_read.sv" in script
    assert "sgdma" in json.loads((tmp_path / "csr.json").read_text())["csr_bases"]


def test_the_limit_counts_headers() -> None:
    assert [limit(width, "h2c") for width in (64, 128, 256)] == [16 * 34, 16 * 17, 16 * 9]
    assert limit(256, "both") == limit(256, "c2h") + 8
