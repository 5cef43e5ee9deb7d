"""A command whose `--target` lives in a simulator: the same command line once more, inside it."""

from __future__ import annotations

import sys

import typer

from sgdma.run.outside import belongs_inside, run_in_simulator

__all__ = ["simulated"]


def simulated(context: typer.Context, url: str) -> str:
    """Callback of a `--target` option: outside of the simulator that it names, start it, and end with its status."""
    if not context.resilient_parsing and belongs_inside(url):
        raise typer.Exit(run_in_simulator(url, "sgdma", sys.argv[1:]))
    return url
