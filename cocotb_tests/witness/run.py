"""Builds the stand-alone design without our bench and runs ``bench_core`` in it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from cocotb_tools.runner import get_results, get_runner
from filelock import FileLock

from sgdma.paths import build_cache, checkout_root
from sgdma.spec.build import BuildParameters
from sgdma.targets.sim.build import verilator_environment

__all__ = ["run_witness"]


def run_witness(
    parameters: BuildParameters, *, size: int, pauses: bool, kind: str = "loopback"
) -> dict[str, float]:
    """Traffic of `size` bytes, `kind` loopback, read or copy: {bytes, seconds, cycles}.

    Raises AssertionError with the log when it fails.
    """
    from sgdma_soc.standalone import NAME, generate

    root = checkout_root()
    shape = (Path(parameters.rules).stem, parameters.data_width, parameters.queues, parameters.crc)
    directory = build_cache() / "witness" / "-".join(map(str, shape))
    directory.mkdir(parents=True, exist_ok=True)
    os.environ.update({name: verilator_environment()[name] for name in ("PATH", "MAKEFLAGS")})
    sys.path.insert(0, str(root / "cocotb_tests"))
    runner = get_runner("verilator")
    with FileLock(directory / "lock"):
        content_hash = generate(parameters, root, directory)
        design = json.loads((directory / "build.json").read_text())
        sources = [root / "rtl" / "waivers.vlt", *(directory / "gateware" / name for name in design["sources"])]
        runner.build(sources=sources, hdl_toplevel=NAME, build_dir=directory, log_file=directory / "build.log",
                     build_args=["-Wno-fatal", "-Wno-WIDTH", "-Wno-TIMESCALEMOD", "-O3",
                                 "--timescale", "1ns/1ps"])  # fmt: skip
        results = runner.test(
            test_module="witness.bench_core", hdl_toplevel=NAME, hdl_toplevel_lang="verilog", build_dir=directory,
            test_dir=directory, results_xml=str(directory / "results.xml"), log_file=directory / "test.log",
            extra_env={"SGDMA_SIM_HASH": f"{content_hash:032x}", "SGDMA_RULES": parameters.rules,
                       "SGDMA_WITNESS_BYTES": str(size), "SGDMA_WITNESS_KIND": kind,
                       "SGDMA_WITNESS_PAUSES": str(int(pauses)),
                       "SGDMA_WITNESS_JSON": str(directory / "figures.json"), "COCOTB_LOG_LEVEL": "WARNING"},
        )  # fmt: skip
    ran, failed = get_results(Path(results))
    assert ran == 1 and failed == 0, (directory / "test.log").read_text(errors="replace")[-6000:]
    figures: dict[str, float] = json.loads((directory / "figures.json").read_text())
    return figures
