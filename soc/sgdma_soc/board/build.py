"""Writes a board's design, and builds its bitstream where the tools are there.

Below the output directory: ``gateware/`` with Verilog, constraints and the tools' reports, ``csr.json``, ``csr.h`` and
``build.json`` with board, parameters, options and the content hash that the device will show.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from litex.soc.integration.export import get_csr_header, get_csr_json

from sgdma.spec.build import BuildParameters
from sgdma_soc.board.soc import BoardOptions, BoardSoC, content_hash
from sgdma_soc.boards import Board
from sgdma_soc.core import rtl_sources
from sgdma_soc.standalone import combinational, source_digest

__all__ = ["expected_hash", "write_design"]


def expected_hash(board: Board, parameters: BuildParameters, options: BoardOptions, root: Path) -> int:
    """The content hash that such a build shows."""
    return content_hash(board, parameters, options, source_digest(root))


def write_design(
    board: Board, parameters: BuildParameters, options: BoardOptions, root: Path, output: Path
) -> dict[str, Any]:
    """Write the design without building it; what ``build.json`` says."""
    chosen = expected_hash(board, parameters, options, root)
    soc = BoardSoC(board, parameters, options, chosen, root)
    soc.finalize()
    gateware = output / "gateware"
    gateware.mkdir(parents=True, exist_ok=True)
    name = f"sgdma_{board.name}"
    verilog = soc.platform.get_verilog(soc, name=name)
    # Contents of memories lie beside the Verilog, which names them without a directory.
    verilog.write(str(gateware / f"{name}.v"))
    (gateware / f"{name}.v").write_text(combinational((gateware / f"{name}.v").read_text()), encoding="utf-8")
    for path in rtl_sources(root):
        shutil.copy(path, gateware / path.name)
    sources = [path.name for path in rtl_sources(root)] + [Path(path).name for path in _cpu_sources(soc, gateware)]
    return _record(soc, board, parameters, options, chosen, sources, name, output)


def _cpu_sources(soc: Any, gateware: Path) -> list[Path]:
    """What LiteX added beside the core, a CPU's Verilog, copied to `gateware`."""
    own = {path.name for path in gateware.glob("sgdma_*.sv")}
    found = [Path(source[0]) for source in soc.platform.sources if Path(source[0]).name not in own]
    for path in found:
        shutil.copy(path, gateware / path.name)
    return found


def _record(
    soc: Any, board: Board, parameters: BuildParameters, options: BoardOptions, chosen: int, sources: list[str],
    name: str, output: Path,
) -> dict[str, Any]:  # fmt: skip
    regions, constants, memories = soc.csr_regions, soc.constants, soc.mem_regions
    (output / "csr.json").write_text(get_csr_json(regions, constants, memories), encoding="utf-8")
    (output / "csr.h").write_text(get_csr_header(regions, constants), encoding="utf-8")
    told = asdict(options) | {"firmware": len(options.firmware)}
    build = {"board": board.name, "parameters": parameters.content(), "options": told,
             "content_hash": f"{chosen:032x}", "sources": [*sources, f"{name}.v"], "top": name}
    (output / "build.json").write_text(json.dumps(build, indent=2) + "\n", encoding="utf-8")
    return build
