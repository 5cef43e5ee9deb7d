"""Starts a simulator and runs a command inside it: ``sgdma ...`` or ``pytest ...``, as it was given outside."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from sgdma.errors import SimulatorBuildError, SimulatorDied
from sgdma.paths import checkout_root
from sgdma.targets.sim import target as sim
from sgdma.targets.sim.build import SimBuild, build, verilator_environment
from sgdma.targets.sim.control import IOVA_BASE, SharedFile
from sgdma.targets.url import parse

__all__ = ["is_inside", "run_inside"]


def is_inside() -> bool:
    """Whether this process is a simulator already."""
    return sim.inside is not None


def run_inside(
    url: str, program: str, arguments: list[str], *, waves: Path | None = None, waves_limit: int = 0,
    train: list[str] | None = None,
) -> int:  # fmt: skip
    """Build what `url` asks for, start it, run `program` inside; its exit status.

    `program`: ``sgdma``, ``pytest``, or ``module:function`` that takes the arguments and returns the status.

    `waves`: write a VCD of the whole run there; `waves_limit`: about so many bytes at most, of beginning and end,
    without long waits; what is left out is told in ``waves`` + ``.cut`` then (0: all is written). `train`: arguments of
    a run by which the simulator is tuned first (see `build`).

    Raises a RigError when the simulator can't be built or dies.
    """
    target_url = parse(url)
    own = sim.own_parameters(target_url)

    def learn(raw: SimBuild) -> None:
        if status := _run(raw, url, own, program, train or []):
            raise SimulatorBuildError(f"the run that tunes the simulator of {url!r} ended with {status}")

    ready = build(
        sim.build_parameters(target_url), kind=target_url.path, waves=waves is not None, infected=own["mutant"] > 0,
        train=learn if train else None,
    )  # fmt: skip
    traced = ["--trace", "--trace-file", str(waves), "--trace-limit", str(waves_limit)] if waves else []
    return _run(ready, url, own, program, arguments, traced)


def _run(
    ready: SimBuild, url: str, own: dict[str, int], program: str, arguments: list[str], traced: list[str] | None = None
) -> int:
    with tempfile.TemporaryDirectory(prefix="sgdma-sim-", dir=_fast_directory()) as name:
        scratch = Path(name)
        SharedFile(scratch / "memory", own["memory"], seed=own["seed"], iova=own.get("iova", IOVA_BASE), create=True)
        (scratch / "call.json").write_text(json.dumps({"program": program, "arguments": arguments}))
        _simulate(ready, scratch, traced or [], own["mutant"])
        status = scratch / "status"
        if not status.exists():
            raise SimulatorDied(f"the simulator of {url!r} ended before the command in it did; see its output above")
        return int(status.read_text())


def _fast_directory() -> str | None:
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None


def _simulate(ready: SimBuild, scratch: Path, traced: list[str], mutant: int) -> None:
    from cocotb_tools.runner import get_runner

    environment = verilator_environment()
    environment |= {
        "SGDMA_SIM_MEMORY": str(scratch / "memory"),
        "SGDMA_SIM_CALL": str(scratch / "call.json"),
        "SGDMA_SIM_STATUS": str(scratch / "status"),
        "SGDMA_SIM_HASH": f"{ready.content_hash:032x}",
        "COCOTB_LOG_LEVEL": "ERROR",
        "COCOTB_ANSI_OUTPUT": "0",
        "GPI_LOG_LEVEL": "ERROR",
        "PYTHONUNBUFFERED": "1",
    }
    os.environ["PATH"] = environment["PATH"]
    sys.path.insert(0, str(checkout_root() / "cocotb_tests"))  # the runner hands sys.path on
    runner = get_runner("verilator")
    runner.test(
        test_module="inside", hdl_toplevel=ready.top, hdl_toplevel_lang="verilog", build_dir=ready.directory,
        test_dir=Path.cwd(), results_xml=str(scratch / "results.xml"), extra_env=environment, test_args=traced,
        waves=bool(traced), plusargs=[f"+mutant={mutant}"],
    )  # fmt: skip
