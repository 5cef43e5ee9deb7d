"""Runs Verilator through cocotb's runner, in a process of its own so that its output goes to the build log.

``python -m sgdma.targets.sim.verilate DIRECTORY DATA_WIDTH VECTORS WAVES``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sgdma.paths import checkout_root
from sgdma.targets.sim.build import TOP


def main(directory: Path, data_width: int, vectors: int, waves: bool) -> None:
    """Build the executable in `directory` from what the generator wrote there."""
    from cocotb_tools.runner import get_runner

    bench = checkout_root() / "cocotb_tests" / "tb"
    design = json.loads((directory / "build.json").read_text())
    sources = [directory / "gateware" / name for name in design["sources"]]
    runner = get_runner("verilator")
    runner.build(
        sources=[*sources, bench / "sgdma_tb.sv"], hdl_toplevel=TOP, build_dir=directory, always=True, waves=waves,
        parameters={"DATA_WIDTH": data_width, "VECTORS": vectors},
        build_args=["--timing", "-Wno-fatal", "-Wno-WIDTH", "-Wno-TIMESCALEMOD", "-O3",
                    "--x-initial", "fast", "--x-assign", "fast",
                    "--no-public-flat-rw", "-j", "2",
                    "-CFLAGS", f"-std=gnu++20 -fcoroutines -I{directory}", str(bench / "host_memory.cpp"),
                    str(bench.parent.parent / "rtl" / "waivers.vlt")],
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1")
