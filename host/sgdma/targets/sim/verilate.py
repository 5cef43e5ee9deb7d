"""Runs Verilator and make, in a process of its own so that their output goes to the build log.

cocotb's runner always brings a main program of its own, which offers cocotb a visit at every event; ours (tb/main.cpp)
lets the design run until Python is wanted, so Verilator is called directly. The executable is started by cocotb's
runner as usual.

``python -m sgdma.targets.sim.verilate DIRECTORY BENCH STAGE WAVES NAME=VALUE...``
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sgdma.paths import checkout_root
from sgdma.targets.sim.build import BENCHES

__all__ = ["STAGES", "main"]

STAGES = {
    "plain": [],
    "trained": ["-B", "OPT_FAST=-O2 -march=native -fprofile-generate", "LDFLAGS=-fprofile-generate"],
    "tuned": ["-B", "OPT_FAST=-O2 -march=native -fprofile-use -Wno-missing-profile"],
}
"""What make is given: as always; to write a profile of what runs; to compile all anew by that profile."""


def main(directory: Path, kind: str, stage: str, waves: bool, generics: list[str]) -> int:
    """Build the executable in `directory` from what the generator wrote there; the exit status.

    `kind`: a key of BENCHES; `stage`: a key of STAGES; `generics`: parameters of the bench's module.
    """
    make = ["make", "-j", "2", "-C", str(directory), "-f", "Vtop.mk", *STAGES[stage]]
    commands = [make] if stage == "tuned" else [_verilator(directory, kind, waves, generics), make]
    for command in commands:
        done = subprocess.run(command, check=False, cwd=directory)
        if done.returncode:
            return done.returncode
    return 0


def _verilator(directory: Path, kind: str, waves: bool, generics: list[str]) -> list[str]:
    from cocotb_tools import config

    root = checkout_root()
    bench = BENCHES[kind]
    files = [path for path in bench.paths(root) if path.suffix != ".h"]
    design = json.loads((directory / "build.json").read_text())
    sources = [*(directory / "gateware" / name for name in design["sources"]), *files]
    libraries = config.libs_dir
    return [
        "verilator", "-cc", "--exe", "--vpi", "-Mdir", str(directory), "--prefix", "Vtop", "-o", bench.top,
        "--top-module", bench.top, *(f"-G{generic}" for generic in generics),
        "--timescale", "1ns/1ps", *(["--trace", "+define+WAVES"] if waves else []),
        "-Wno-fatal", "-Wno-WIDTH", "-Wno-TIMESCALEMOD", "-O3", "--x-initial", "fast", "--x-assign", "fast",
        "-CFLAGS", f"-std=gnu++20 -I{directory}",
        "-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator",
        str(root / "rtl" / "waivers.vlt"), *map(str, sources),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "1", sys.argv[5:]))
