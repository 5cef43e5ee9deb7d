"""`sgdma report`: the report of a run, made anew from what it left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sgdma.run.record import RunDirectory, open_existing
from sgdma.run.report import print_summary, write_report

__all__ = ["report_command", "report_on"]


def report_command(
    run: Annotated[Path, typer.Argument(help="A run directory.")] = Path("runs/latest"),
) -> None:
    """Write report.html, print the summary; exit with 1 when anything failed or is silently absent on a target."""
    if not report_on(open_existing(run)):
        raise typer.Exit(1)


def report_on(run: RunDirectory) -> bool:
    """Write and print; whether the run is good."""
    _, results = write_report(run)
    print_summary(run, results, Console())
    return results.good
