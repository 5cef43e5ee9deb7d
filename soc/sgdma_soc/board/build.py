"""Writes a board's design, and builds its bitstream where the tools are there.

Below the output directory: ``gateware/`` with Verilog, constraints, the tools' reports and the bitstream, ``csr.json``,
``csr.h`` and ``build.json`` with board, parameters, options and the content hash that the device will show.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from litex.build.yosys_nextpnr_toolchain import YosysNextPNRToolchain
from litex.soc.integration.export import get_csr_header, get_csr_json

from sgdma.errors import SynthesisError
from sgdma.spec.build import BuildParameters
from sgdma_soc.board.soc import BoardOptions, BoardSoC, content_hash
from sgdma_soc.boards import Board
from sgdma_soc.core import rtl_sources
from sgdma_soc.pcie.soc import board_soc, bridge_options, pcie_hash
from sgdma_soc.standalone import combinational, source_digest

__all__ = ["build_bitstream", "expected_hash", "write_design"]

_SYNTHESIS = "-no-rw-check -nowidelut -cmp2softlogic "
"""A netlist a fifth smaller, so there is less to place and route. No memory here is read where it is written in the
same cycle, or what is read then does not matter: without the first option yosys builds what keeps the old word."""
_MAPPING = "scratchpad -set abc9.script +&scorr;&sweep;&dc2;&if,{{C}},{{W}},{{D}},{{R}},-v;&mfs"
"""The mapper's own script without `&dch` and `&ps`, which take time and make the netlist larger."""


def expected_hash(board: Board, parameters: BuildParameters, options: BoardOptions, root: Path) -> int:
    """The content hash that such a build shows."""
    if board.pcie:
        return pcie_hash(board.name, parameters, bridge_options(parameters), root)
    return content_hash(board, parameters, options, source_digest(root, board.name))


def write_design(
    board: Board, parameters: BuildParameters, options: BoardOptions, root: Path, output: Path
) -> dict[str, Any]:
    """Write the design for simulation, without building it; what ``build.json`` says."""
    soc = _soc(board, parameters, options, root)
    gateware = output / "gateware"
    gateware.mkdir(parents=True, exist_ok=True)
    name = f"sgdma_{board.name}"
    verilog = soc.platform.get_verilog(soc, name=name)
    for file, text in {f"{name}.sv": combinational(verilog.main_source), **verilog.data_files}.items():
        (gateware / file).write_text(text, encoding="utf-8")
    for path in [*rtl_sources(root), *_added(soc, root)]:
        shutil.copy(path, gateware / path.name)
    sources = [path.name for path in [*rtl_sources(root), *_added(soc, root)]]
    return _record(soc, board, parameters, options, root, output, {"sources": [*sources, f"{name}.sv"], "top": name})


def build_bitstream(
    board: Board, parameters: BuildParameters, options: BoardOptions, root: Path, output: Path, *, compile: bool = True
) -> dict[str, Any]:
    """Write the project of the board's tools and, with `compile`, run them; what ``build.json`` says.

    It has ``bitstream`` (path below `output`) and, from nextpnr, ``fmax_mhz`` of the clock and ``used`` cells. Raises
    SynthesisError when a tool fails or the clock is not met.
    """
    soc = _soc(board, parameters, options, root)
    gateware, name = output / "gateware", f"sgdma_{board.name}"
    gateware.mkdir(parents=True, exist_ok=True)
    toolchain = soc.platform.toolchain
    if isinstance(toolchain, YosysNextPNRToolchain):
        toolchain._synth_opts += _SYNTHESIS
        toolchain._yosys_cmds.append(_MAPPING)
        toolchain._pnr_opts += "--router router2 "  # several times as fast as the other on a design of this size
    soc.platform.build(soc, build_dir=str(gateware), build_name=name, run=False, **board.toolchain)
    result: dict[str, Any] = {"top": name}
    if compile:
        result |= _compile(gateware, name)
        result["bitstream"] = f"gateware/{name}.bit"
        if result["fmax_mhz"] and result["fmax_mhz"] < parameters.clock_hz / 1e6:
            (gateware / f"{name}.bit").unlink(missing_ok=True)
            raise SynthesisError(
                f"{board.name}: the clock reaches {result['fmax_mhz']} MHz, {parameters.clock_hz / 1e6:g} MHz were "
                f"asked for; build with a lower --clock, fewer queues, or another seed in "
                f"`toolchain` of the board's file (log in {gateware})"
            )
    return _record(soc, board, parameters, options, root, output, result)


def _soc(board: Board, parameters: BuildParameters, options: BoardOptions, root: Path) -> Any:
    chosen = expected_hash(board, parameters, options, root)
    if board.pcie:
        soc: Any = board_soc(board, parameters, chosen, root)
    else:
        soc = BoardSoC(board, parameters, options, chosen, root)
    soc.finalize()
    return soc


def _compile(gateware: Path, name: str) -> dict[str, Any]:
    log = gateware / "build.log"
    with log.open("w", encoding="utf-8") as sink:
        done = subprocess.run(["bash", f"build_{name}.sh"], cwd=gateware, stdout=sink, stderr=sink, check=False)
    text = log.read_text(encoding="utf-8", errors="replace")
    if done.returncode:
        tail = "\n".join(text.splitlines()[-15:])
        raise SynthesisError(f"building the bitstream failed; whole log in {log}\n{tail}")
    return read_nextpnr(text)


def read_nextpnr(log: str) -> dict[str, Any]:
    """``fmax_mhz`` of the slowest clock, None without a report; ``used``: cells by kind, how many of how many."""
    # The last report of each clock holds: the first is an estimate after placement.
    clocks = dict(re.findall(r"Max frequency for clock\s+'([^']+)':\s+([\d.]+) MHz", log))
    cells = re.findall(r"Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", log)
    used = {kind: [int(count), int(most)] for kind, count, most in cells if int(count)}
    return {"fmax_mhz": min(map(float, clocks.values())) if clocks else None, "used": used}


def _added(soc: Any, root: Path) -> list[Path]:
    """What LiteX added beside the core: a CPU's Verilog."""
    own = {path.name for path in rtl_sources(root)}
    return [Path(source[0]) for source in soc.platform.sources if Path(source[0]).name not in own]


def _record(
    soc: Any, board: Board, parameters: BuildParameters, options: BoardOptions, root: Path, output: Path,
    more: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    regions, constants, memories = soc.csr_regions, soc.constants, soc.mem_regions
    (output / "csr.json").write_text(get_csr_json(regions, constants, memories), encoding="utf-8")
    (output / "csr.h").write_text(get_csr_header(regions, constants), encoding="utf-8")
    told = asdict(options) | {"firmware": len(options.firmware)}
    if board.pcie:
        told = asdict(bridge_options(parameters))
    build = {"board": board.name, "sources_digest": source_digest(root, board.name), "parameters": parameters.content(),
             "options": told, "content_hash": f"{soc.content_hash:032x}", **more}
    (output / "build.json").write_text(json.dumps(build, indent=2) + "\n", encoding="utf-8")
    return build
