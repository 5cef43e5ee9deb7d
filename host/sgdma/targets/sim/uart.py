"""`sim:uart`: a virtual board that the target starts by itself, and talks to as to a board on a serial port.

Parameters: those of BuildParameters for the core, ``memory`` (bytes of DMA memory), ``dram`` (1: in
SDRAM, by LiteDRAM and a model of the chip) and ``link`` for the SoC around it.
No CPU: `sgdma serve --uart` and `sgdma demo --uart` have boards with firmware.
"""

from __future__ import annotations

from dataclasses import replace

from sgdma.errors import TargetUrlError
from sgdma.link import open_link
from sgdma.spec.board import CSR_BASE
from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import DEVICE, MAGIC
from sgdma.targets.board import BoardTarget
from sgdma.targets.sim.board import VirtualBoard, build_board
from sgdma.targets.url import Number, TargetUrl, numbers

__all__ = ["SimUartTarget", "parameters"]

TIMEOUT = 30.0
"""Seconds that the simulator of a busy machine may be silent."""
OWN = {"memory": Number(0, 8192), "dram": Number(0, high=1)}
LINKS = ("reliable", "uartbone")


def parameters(url: TargetUrl) -> tuple[dict[str, int], str, BuildParameters]:
    """Memory and dram, the link, and the core's. Raises TargetUrlError, BuildParameterError, RulesFileError."""
    core = {name: text for name, text in url.query.items() if name not in (*OWN, "link")}
    link = url.query.get("link", "reliable")
    if link not in LINKS:
        raise TargetUrlError(f"target parameter link = {link!r}: must be one of {', '.join(LINKS)}")
    return numbers(url, OWN), link, BuildParameters.from_mapping(core, (*OWN, "link"))


class SimUartTarget(BoardTarget):
    """A virtual board for this process alone; it ends with the target."""

    def __init__(self, url: TargetUrl) -> None:
        from sgdma_soc.board.soc import BoardOptions
        from sgdma_soc.boards import board

        virtual = board("virtual")
        own, link, core = parameters(url)
        if "clock_hz" not in url.query:
            core = replace(core, clock_hz=virtual.clock_hz)
        memory, dram = own["memory"] or virtual.dma_bytes(bool(own["dram"])), bool(own["dram"])
        build = build_board(core, BoardOptions(memory_bytes=memory, dram=dram, link=link))
        self._virtual = VirtualBoard(build)
        try:
            sentinel = CSR_BASE + DEVICE.address("magic"), MAGIC
            opened = open_link(self._virtual.port, None, TIMEOUT, "auto", False, sentinel)
            super().__init__(url.text, opened, CSR_BASE)
        except BaseException:
            self._virtual.close()
            raise
        self.expected_hash, self.rules = build.content_hash, core.rule_set

    def close(self) -> None:
        super().close()
        self._virtual.close()
