"""The SoC of every board: serial link, bus, the core with its fixture, its DMA memory, and optionally CPU and analyser.

::

      serial --- [ link ] --+--------- wishbone ---------+--- [ CPU, ROM, SRAM ]
                            |                            |
                        registers                   DMA memory (port B)
                            |                            |
                       [ core + fixture ] --- [ guard ] -+ (port A, as wide as the core's bus)
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from litex.gen import Signal
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCCore
from litex.soc.interconnect import wishbone

from sgdma.errors import BuildParameterError
from sgdma.spec.board import CSR_BASE, IMAGES, MEMORY_BASE, MEMORY_MOST, ROM_BYTES, SRAM_BASE, SRAM_BYTES
from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import BANKS, BOARD
from sgdma_soc.board.guard import MemoryGuard
from sgdma_soc.board.memory import BlockMemory
from sgdma_soc.board.registers import BoardRegisters
from sgdma_soc.board.serial import PATIENCE, add_link
from sgdma_soc.boards import Board, Dram, judged
from sgdma_soc.core import SGDMA, add_sources
from sgdma_soc.dram.memory import DramMemory
from sgdma_soc.fixture import Fixture

__all__ = ["LINKS", "BoardOptions", "BoardSoC", "content_hash"]

LINKS = ("reliable", "uartbone")


@dataclass(frozen=True, kw_only=True)
class BoardOptions:
    """What the SoC around the core has. Raises BuildParameterError.

    `memory_bytes`: DMA memory, a power of two from 8 KiB up; with `dram` in the board's SDRAM, else in block RAM.
    `cpu`: with the soft CPU, which boots `firmware`, 32-bit words. `scope`: with LiteScope on the core's memory bus.
    `bits`: with a real RS-232 PHY on a virtual board too. `baud`: after power-up, 0 for what the board has.
    """

    memory_bytes: int
    link: str = "reliable"
    cpu: bool = False
    firmware: tuple[int, ...] = ()
    scope: bool = False
    dram: bool = False
    bits: bool = False
    baud: int = 0

    def __post_init__(self) -> None:
        if self.link not in LINKS:
            raise BuildParameterError(f"link = {self.link!r}: must be one of {', '.join(LINKS)}")
        if self.memory_bytes & (self.memory_bytes - 1) or not 8192 <= self.memory_bytes <= MEMORY_MOST:
            raise BuildParameterError(f"memory = {self.memory_bytes}: must be a power of two, 8192..{MEMORY_MOST}")
        if 4 * len(self.firmware) > ROM_BYTES:
            raise BuildParameterError(f"firmware of {4 * len(self.firmware)} bytes: the ROM has {ROM_BYTES}")


class BoardSoC(SoCCore):
    """`board`'s SoC around a core built for `parameters`, which name the clock as well; it shows the content hash
    `chosen`. `root`: of the checkout."""

    mem_map: ClassVar[dict[str, int]] = {"rom": 0, "sram": SRAM_BASE, "csr": CSR_BASE}

    def __init__(
        self, board: Board, parameters: BuildParameters, options: BoardOptions, chosen: int, root: Any
    ) -> None:
        with judged(board, "platform"):
            platform = board.platform()
        add_sources(platform, root)
        dram = board.dram_or_none(options.dram)
        with judged(board, "clock"):
            self.crg = ((dram and dram.clock) or board.clock)(platform, parameters.clock_hz)
        rom = 4 * len(options.firmware)
        SoCCore.__init__(
            self, platform, parameters.clock_hz, bus_standard="wishbone", bus_interconnect="crossbar",
            bus_timeout=PATIENCE, csr_data_width=32, csr_address_width=14, with_ctrl=False, with_timer=False,
            cpu_type="vexriscv" if options.cpu else None, cpu_variant="standard",
            cpu_reset_address=0,
            integrated_rom_size=rom, integrated_rom_init=list(options.firmware),
            integrated_sram_size=0, ident="", with_uart=False,
        )  # fmt: skip
        self._options, self._parameters, self.content_hash = options, parameters, chosen
        self.sgdma = SGDMA(parameters, chosen)
        self.fixture = Fixture(self.sgdma)
        with judged(board, "dram"):
            self._add_memory(dram)
        self.board = BoardRegisters(
            self.guard, self.dma_memory, MEMORY_BASE, options.memory_bytes,
            mailbox=SRAM_BASE if options.cpu else 0, scope=options.scope,
        )  # fmt: skip
        for bank in (*BANKS, BOARD):
            self.csr.add(bank.name, n=bank.base // self.csr.paging)
        add_link(self, board, options.link, options.baud or board.baud, bits=options.bits)
        if options.cpu:
            self.sram = wishbone.SRAM(SRAM_BYTES)
            self.bus.add_slave("sram", self.sram.bus, SoCRegion(origin=SRAM_BASE, size=SRAM_BYTES, cached=False))
            self.irq.add("sgdma", n=0)
            self.comb += self.cpu.reset.eq(self.board.cpu_hold | ~(self.dma_memory.ready | self.dma_memory.failed))
        if options.scope:
            self._add_scope()

    def add_csr_bridge(self, name: str = "csr", origin: int | None = None, register: bool = False) -> None:
        """LiteX calls this for the way from the bus to the registers, which is cut by registers here: it is long."""
        super().add_csr_bridge(name, origin, register=True)
        self.comb += self.fixture.look.eq(self.csr_bridge.csr.adr)

    def _add_memory(self, dram: Dram | None) -> None:
        """DMA memory behind a guard, in block RAM without `dram`."""
        size, width = self._options.memory_bytes, self._parameters.data_width
        if dram:
            phy, chip, delays = dram.memory(self, self._parameters.clock_hz)
            self.dma_memory = DramMemory(phy, chip, size, width, self._parameters.clock_hz, delays)
        else:
            self.dma_memory = BlockMemory(size, width)
        region = SoCRegion(origin=MEMORY_BASE, size=IMAGES * size, cached=False)
        self.bus.add_slave("dma_memory", self.dma_memory.wishbone, region)
        self.guard = MemoryGuard(MEMORY_BASE, size, width)
        self.comb += [self.sgdma.axi.connect(self.guard.core), self.guard.memory.connect(self.dma_memory.axi)]

    def _add_scope(self) -> None:
        from litescope import LiteScopeAnalyzer

        axi = self.sgdma.axi
        watched = [self.sgdma.vectors]
        for channel in (axi.ar, axi.r, axi.aw, axi.w, axi.b):
            watched += [channel.valid, channel.ready]
        for name, channel in (("ar", axi.ar), ("aw", axi.aw)):
            address = Signal(32, name=f"{name}_address")
            self.comb += address.eq(channel.addr)
            watched += [address, channel.len, channel.id]
        self.analyzer = LiteScopeAnalyzer(watched, depth=512, clock_domain="sys", csr_csv=None)


def content_hash(board: Board, parameters: BuildParameters, options: BoardOptions, sources: str) -> int:
    """128 bits over the board, what it is built for, and `sources`, the digest of what it is built from."""
    text = json.dumps([board.name, parameters.content(), asdict(options), sources], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
