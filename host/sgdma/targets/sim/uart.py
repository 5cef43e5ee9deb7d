"""`sim:uart`: a virtual board that the target starts by itself, and talks to as to a board on a serial port.

Parameters: those of BuildParameters for the core, ``memory`` (bytes of DMA memory), ``dram`` (1: in
SDRAM, by LiteDRAM and a model of the chip) and ``link`` for the SoC around it.
No CPU: `sgdma serve --uart` and `sgdma demo --uart` have boards with firmware.
"""

from __future__ import annotations

from sgdma.errors import TargetUrlError
from sgdma.link import open_link
from sgdma.spec.board import CSR_BASE
from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import DEVICE, MAGIC
from sgdma.targets.board import BoardTarget
from sgdma.targets.sim.board import VirtualBoard, build_board
from sgdma.targets.url import TargetUrl

__all__ = ["SimUartTarget"]

TIMEOUT = 30.0
"""Seconds that the simulator of a busy machine may be silent."""


class SimUartTarget(BoardTarget):
    """A virtual board for this process alone; it ends with the target."""

    def __init__(self, url: TargetUrl) -> None:
        from sgdma_soc.board.soc import BoardOptions
        from sgdma_soc.boards import board

        virtual = board("virtual")
        query = {"clock_hz": str(virtual.clock_hz), **url.query}
        dram, link = query.pop("dram", "0"), query.pop("link", "reliable")
        memory = query.pop("memory", str(virtual.dma_bytes(dram == "1")))
        if not memory.isdecimal():
            raise TargetUrlError(f"target parameter memory = {memory!r}: must be a number of bytes")
        if dram not in ("0", "1"):
            raise TargetUrlError(f"target parameter dram = {dram!r}: must be 0 (block RAM) or 1 (SDRAM)")
        parameters = BuildParameters.from_mapping(query)
        build = build_board(parameters, BoardOptions(memory_bytes=int(memory), dram=dram == "1", link=link))
        self._virtual = VirtualBoard(build)
        try:
            sentinel = CSR_BASE + DEVICE.address("magic"), MAGIC
            opened = open_link(self._virtual.port, None, TIMEOUT, "auto", False, sentinel)
            super().__init__(url.text, opened, CSR_BASE)
        except BaseException:
            self._virtual.close()
            raise
        self.expected_hash, self.rules = build.content_hash, parameters.rule_set

    def close(self) -> None:
        super().close()
        self._virtual.close()
