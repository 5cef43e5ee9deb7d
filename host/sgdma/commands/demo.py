"""`sgdma demo`: the guided tour without a board: suite on the model and in simulation, throughput, report."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sgdma.commands.report import report_on
from sgdma.commands.test import run_suite
from sgdma.errors import RigError
from sgdma.run.outside import run_in_simulator
from sgdma.run.record import create
from sgdma.run.seed import chosen_seed

__all__ = ["demo_command"]

TARGETS = ("model:", "sim:")


def demo_command(
    run_dir: Annotated[Path | None, typer.Option(help="Where to leave the record; by default a new one.")] = None,
) -> None:
    """Run the suite on model: and sim:, measure throughput in simulation, report."""
    begin, console = time.monotonic(), Console()
    run, seed = create(run_dir), chosen_seed()
    statuses = [run_suite(url, run, seed) for url in TARGETS]
    console.rule("throughput in simulation", align="left")
    measured = run.path / "throughput.json"
    status = run_in_simulator("sim:", "sgdma", ["bench", "throughput", "--target", "sim:", "--json", str(measured)])
    if status:
        raise RigError(f"the throughput could not be measured (status {status}); see the output above")
    run.add_metrics(json.loads(measured.read_text())["rows"])
    measured.unlink()
    console.rule("summary", align="left")
    good = report_on(run)
    console.print(f"{time.monotonic() - begin:.0f} seconds")
    sys.stdout.flush()
    console.print(str(run.path / "report.html"), highlight=False, soft_wrap=True)
    if not good or any(statuses):
        raise typer.Exit(1)
