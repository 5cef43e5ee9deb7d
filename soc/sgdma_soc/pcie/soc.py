"""A SoC that is one PCIe function: core, fixture, guard for tests, bridge; and the generator for `sim:pcie`."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from litex.build.generic_platform import GenericPlatform, Pins
from litex.gen import ClockDomain, LiteXModule
from litex.soc.integration.export import get_csr_header, get_csr_json
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini

from sgdma.spec.build import BuildParameters
from sgdma.spec.pcie import SIM_QUARANTINE, SIM_TIMEOUT
from sgdma.spec.registers import BANKS, BOARD
from sgdma_soc.board.guard import MemoryGuard
from sgdma_soc.board.registers import BoardRegisters
from sgdma_soc.boards import Board, judged
from sgdma_soc.core import SGDMA, add_sources, rtl_sources
from sgdma_soc.fixture import Fixture
from sgdma_soc.pcie.bridge import BridgeOptions, PcieBridge, bridge_sources
from sgdma_soc.pcie.phy import StubPHY, stub_pads
from sgdma_soc.standalone import combinational, source_digest

__all__ = ["NAME", "SIMULATED", "PcieSoC", "board_soc", "bridge_options", "generate", "pcie_hash"]

NAME = "sgdma_pcie"
SIMULATED = BridgeOptions(timeout=SIM_TIMEOUT, quarantine=SIM_QUARANTINE)
"""Of `sim:pcie`."""


class PcieSoC(SoCMini):
    """Core, fixture and guard behind the bridge; registers at the start of BAR0.

    ::

                                 +--------+      +--------+
        PHY <---> bridge <------>| guard  |<-----|  core  |<----> fixture
                    |    AXI4    +--------+ AXI4 +--------+
                    +-- register bus --> banks of core, fixture, guard (board)
    """

    mem_map: ClassVar[dict[str, int]] = {"csr": 0x0000}

    def __init__(
        self, platform: Any, clock: Any, phy: Callable[[Any], Any], parameters: BuildParameters,
        options: BridgeOptions, content_hash: int,
    ) -> None:  # fmt: skip
        self.crg = clock
        SoCMini.__init__(
            self, platform, clk_freq=parameters.clock_hz, csr_data_width=32, csr_address_width=14, with_ctrl=False,
            ident="",
        )  # fmt: skip
        self.content_hash = content_hash
        self.sgdma = SGDMA(parameters, content_hash)
        self.fixture = Fixture(self.sgdma)
        self.guard = MemoryGuard(0, 0, parameters.data_width)
        self.board = BoardRegisters(self.guard)
        for bank in (*BANKS, BOARD):
            self.csr.add(bank.name, n=bank.base // self.csr.paging)
        self.pcie_phy = phy(self)
        self.pcie = PcieBridge(self.pcie_phy, parameters, options)
        self.csr.add_master(name="pcie", master=self.pcie.csr)
        enabled = getattr(self.pcie_phy, "msix_enable", None)
        self.comb += [
            self.sgdma.axi.connect(self.guard.core), self.guard.memory.connect(self.pcie.axi),
            self.pcie.fire.eq(self.sgdma.messages), self.fixture.look.eq(self.pcie.csr.adr),
            self.pcie.msix_enable.eq(self.pcie_phy._msix_enable.status if enabled is None else enabled),
        ]  # fmt: skip

    def add_csr_bridge(self, name: str = "csr", origin: int | None = None, register: bool = False) -> None:
        """LiteX calls this for the way from the bus to the registers; here the bridge is their only master."""
        self.bus.add_region(name, SoCRegion(origin=origin, size=4 << self.csr.address_width, cached=False))
        self.add_config("CSR_DATA_WIDTH", self.csr.data_width)
        self.add_config("CSR_ALIGNMENT", self.csr.alignment)


def pcie_hash(name: str, parameters: BuildParameters, options: BridgeOptions, root: Path) -> int:
    """The 128-bit content hash that a build for the board `name` shows."""
    digest = hashlib.sha256(source_digest(root, name).encode())
    for path in bridge_sources(root):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    text = json.dumps([name, parameters.content(), asdict(options), digest.hexdigest()], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def bridge_options(parameters: BuildParameters) -> BridgeOptions:
    """Of a board: a request times out after 50 ms, its tag rests for 400 ms more."""
    return BridgeOptions(timeout=parameters.clock_hz // 20, quarantine=parameters.clock_hz * 2 // 5)


def board_soc(board: Board, parameters: BuildParameters, content_hash: int, root: Path) -> PcieSoC:
    """The SoC of a PCIe card. Raises BuildParameterError."""
    with judged(board, "platform"):
        platform = board.platform()
    add_sources(platform, root)
    for path in bridge_sources(root):
        platform.add_source(str(path), language="systemverilog")
    with judged(board, "clock"):
        clock = board.clock(platform, parameters.clock_hz)
    return PcieSoC(platform, clock, lambda soc: _phy(board, soc, parameters), parameters, bridge_options(parameters),
                   content_hash)  # fmt: skip


def _phy(board: Board, soc: Any, parameters: BuildParameters) -> Any:
    assert board.pcie is not None
    with judged(board, "pcie"):
        return board.pcie(soc, parameters.data_width, parameters.queues + 1)


class _Clock(LiteXModule):
    def __init__(self, platform: GenericPlatform) -> None:
        self.cd_sys = ClockDomain()
        self.comb += [self.cd_sys.clk.eq(platform.request("clk")), self.cd_sys.rst.eq(platform.request("rst"))]


def generate(parameters: BuildParameters, options: BridgeOptions, root: Path, output: Path) -> int:
    """Write the design with a stub for the PHY below `output`; returns the content hash that the device will show."""
    content = pcie_hash("sim", parameters, options, root)
    pads = [("clk", 0, Pins(1)), ("rst", 0, Pins(1)), *stub_pads(parameters.data_width)]
    platform = GenericPlatform("", pads, name=NAME)
    add_sources(platform, root)
    soc = PcieSoC(platform, _Clock(platform), lambda soc: StubPHY(platform, parameters.data_width), parameters,
                  options, content)  # fmt: skip
    soc.finalize()
    gateware = output / "gateware"
    gateware.mkdir(parents=True, exist_ok=True)
    (gateware / f"{NAME}.sv").write_text(combinational(str(platform.get_verilog(soc, name=NAME))), encoding="utf-8")
    sources = [*rtl_sources(root), *bridge_sources(root)]
    for path in sources:
        shutil.copy(path, gateware / path.name)
    regions, constants, memories = soc.csr_regions, soc.constants, soc.mem_regions
    (output / "csr.json").write_text(get_csr_json(regions, constants, memories), encoding="utf-8")
    (output / "csr.h").write_text(get_csr_header(regions, constants), encoding="utf-8")
    build = {"parameters": parameters.content(), "options": asdict(options), "content_hash": f"{content:032x}",
             "sources": [path.name for path in sources] + [f"{NAME}.sv"], "top": NAME}
    (output / "build.json").write_text(json.dumps(build, indent=2) + "\n", encoding="utf-8")
    return content
