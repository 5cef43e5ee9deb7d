"""Stand-alone generator: the core with an AXI-Lite port for registers and an AXI4 port for memory, as Verilog.

The fixture is the core's user logic, or, in a build without it, the user side becomes ports (:mod:`sgdma_soc.ports`).

What it writes below the output directory: ``gateware/`` with ``sgdma_standalone.sv``, the core's sources, ``sgdma.f``
(all of them in order) and ``waivers.vlt``; ``csr.json``, ``csr.h``, ``csr.svd``, and ``build.json`` with the parameters
and the content hash.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import ClassVar

from litex.build.generic_platform import GenericPlatform, Pins
from litex.gen import ClockDomain, LiteXModule
from litex.soc.integration.export import get_csr_header, get_csr_json, get_csr_svd
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect.axi import AXIInterface, AXILiteInterface

from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import BANKS, BOARD, DEVICE
from sgdma_soc.board.guard import MemoryGuard
from sgdma_soc.board.registers import BoardRegisters
from sgdma_soc.bridge import RegisterBridge
from sgdma_soc.core import SGDMA, rtl_sources
from sgdma_soc.fixture import Fixture
from sgdma_soc.ports import connect_user_side, user_side_pads

__all__ = ["NAME", "Standalone", "combinational", "generate", "source_digest"]

NAME = "sgdma_standalone"

_WAIVERS = f"""
// {NAME}.sv is LiteX's: constants are as wide as their value needs, registers start with their reset value,
// signals of a channel are there whether they are needed or not.
lint_off -rule WIDTHEXPAND -file "*{NAME}.sv"
lint_off -rule WIDTHTRUNC -file "*{NAME}.sv"
lint_off -rule CASEINCOMPLETE -file "*{NAME}.sv"
lint_off -rule PROCASSINIT -file "*{NAME}.sv"
lint_off -rule UNUSEDSIGNAL -file "*{NAME}.sv"
"""


def _platform(parameters: BuildParameters) -> GenericPlatform:
    pads = [
        ("clk", 0, Pins(1)),
        ("rst", 0, Pins(1)),
        ("vectors", 0, Pins(parameters.queues + 1)),
        ("irq", 0, Pins(1)),
        *AXILiteInterface(data_width=32, address_width=16).get_ios("csr"),
        *AXIInterface(data_width=parameters.data_width, address_width=64, id_width=1).get_ios("mem"),
    ]
    if not parameters.fixture:
        pads += user_side_pads(parameters.data_width)
    return GenericPlatform("", pads, name=NAME)


class _Clock(LiteXModule):
    def __init__(self, platform: GenericPlatform) -> None:
        self.cd_sys = ClockDomain()
        self.comb += [self.cd_sys.clk.eq(platform.request("clk")), self.cd_sys.rst.eq(platform.request("rst"))]


class Standalone(SoCMini):
    """A LiteX SoC without a CPU: register bus in, memory bus and interrupts out."""

    mem_map: ClassVar[dict[str, int]] = {"csr": 0x0000}

    def __init__(self, platform: GenericPlatform, parameters: BuildParameters, content_hash: int) -> None:
        self.crg = _Clock(platform)
        SoCMini.__init__(
            self, platform, clk_freq=parameters.clock_hz, bus_standard="axi-lite", csr_data_width=32,
            csr_address_width=14, with_ctrl=False, ident="",
        )  # fmt: skip
        self.sgdma = SGDMA(parameters, content_hash)
        if parameters.fixture:
            self.fixture = Fixture(self.sgdma)
        else:
            self.comb += connect_user_side(self.sgdma, platform)
        for bank in BANKS if parameters.fixture else (DEVICE,):
            self.csr.add(bank.name, n=bank.base // self.csr.paging)

        registers = AXILiteInterface(data_width=32, address_width=32)
        self.bus.add_master("registers", master=registers)
        self.comb += registers.connect_to_pads(platform.request("csr"), mode="slave")
        self.comb += self._memory_bus(parameters).connect_to_pads(platform.request("mem"), mode="master")
        vectors, irq = platform.request("vectors"), platform.request("irq")
        self.comb += [vectors.eq(self.sgdma.messages), irq.eq(self.sgdma.ev.irq)]

    def _memory_bus(self, parameters: BuildParameters) -> AXIInterface:
        if not parameters.guard:
            return self.sgdma.axi
        self.guard = MemoryGuard(0, 0, parameters.data_width)
        self.board = BoardRegisters(self.guard)
        self.csr.add(BOARD.name, n=BOARD.base // self.csr.paging)
        self.comb += self.sgdma.axi.connect(self.guard.core)
        return self.guard.memory

    def add_csr_bridge(self, name: str = "csr", origin: int | None = None, register: bool = False) -> None:
        """LiteX calls this for the way from the bus to the registers; ours is a smaller one."""
        self.csr_bridge = RegisterBridge(self.bus.address_width, self.csr.address_width)
        if self.sgdma.parameters.fixture:
            self.comb += self.fixture.look.eq(self.csr_bridge.csr.adr)
        self.sgdma.read_through_memory(self.csr_bridge.csr, self.csr_bridge.clear, self.sgdma.identity())
        region = SoCRegion(origin=origin, size=4 << self.csr.address_width, cached=False)
        self.bus.add_slave(name=name, slave=self.csr_bridge.axi_lite, region=region)
        self.csr.add_master(name=name, master=self.csr_bridge.csr)
        self.add_config("CSR_DATA_WIDTH", self.csr.data_width)
        self.add_config("CSR_ALIGNMENT", self.csr.alignment)


def source_digest(root: Path, board: str = "") -> str:
    """SHA-256 over everything that the hardware is made of: RTL and this package, `board`'s file, and no other's."""
    package = root / "soc" / "sgdma_soc"
    others = {path for path in (package / "boards").glob("*.py") if path.stem not in ("__init__", board)}
    digest = hashlib.sha256()
    for path in [*rtl_sources(root), *sorted(set(package.rglob("*.py")) - others)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


_ASSIGNMENT = re.compile(r"^(\s+)(\w+)([\w.]*(?:\[[^\]]*\])*) <= (.*;)$")
_INITIAL = re.compile(r"^(reg\s.*?(\w+)) = .*;$")


def combinational(verilog: str) -> str:
    """LiteX writes combinational blocks as ``always @(*)`` with ``<=``. A simulator never enters such a block when it
    reads nothing, and may order the delayed assignments wrongly: make them ``always_comb`` with ``=``. What is assigned
    there has that one driver, so its initial value goes."""
    lines, driven, inside = [], set(), False
    for line in verilog.splitlines():
        if line.startswith("always @(*)"):
            line, inside = line.replace("always @(*)", "always_comb"), True
        elif line == "end":
            inside = False
        elif inside and (found := _ASSIGNMENT.match(line)):
            indent, name, part, value = found.groups()
            line = f"{indent}{name}{part} = {value}"
            driven.add(name)
        lines.append(line)
    for index, line in enumerate(lines):
        if (found := _INITIAL.match(line)) and found[2] in driven:
            lines[index] = f"{found[1]};"
    return "\n".join(lines) + "\n"


def generate(parameters: BuildParameters, root: Path, output: Path, chosen: int | None = None) -> int:
    """Write the generated design below `output`; returns the 128-bit content hash that the device will show.

    `chosen`: that hash, where it shall not follow from the sources.
    """
    content_hash = parameters.content_hash(source_digest(root)) if chosen is None else chosen
    platform = _platform(parameters)
    soc = Standalone(platform, parameters, content_hash)
    soc.finalize()
    gateware = output / "gateware"
    gateware.mkdir(parents=True, exist_ok=True)
    # The core's modules have no time scale: one file that has one would make a tool complain of all others.
    verilog = re.sub(r"^`timescale.*\n", "", str(platform.get_verilog(soc, name=NAME)), flags=re.MULTILINE)
    (gateware / f"{NAME}.sv").write_text(combinational(verilog), encoding="utf-8")
    sources = [path for path in rtl_sources(root) if parameters.fixture or not path.stem.startswith("sgdma_fixture")]
    for path in sources:
        shutil.copy(path, gateware / path.name)
    names = [*(path.name for path in sources), f"{NAME}.sv"]
    (gateware / "sgdma.f").write_text("\n".join(names) + "\n", encoding="utf-8")
    waivers = (root / "rtl" / "waivers.vlt").read_text(encoding="utf-8")
    (gateware / "waivers.vlt").write_text(waivers + _WAIVERS, encoding="utf-8")
    _write_maps(soc, output)
    build = {"parameters": parameters.content(), "content_hash": f"{content_hash:032x}", "sources": names, "top": NAME}
    (output / "build.json").write_text(json.dumps(build, indent=2) + "\n", encoding="utf-8")
    return content_hash


def _write_maps(soc: Standalone, output: Path) -> None:
    regions, constants, memories = soc.csr_regions, soc.constants, soc.mem_regions
    (output / "csr.json").write_text(get_csr_json(regions, constants, memories), encoding="utf-8")
    (output / "csr.h").write_text(get_csr_header(regions, constants), encoding="utf-8")
    (output / "csr.svd").write_text(get_csr_svd(soc, name="sgdma"), encoding="utf-8")
