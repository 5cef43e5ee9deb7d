"""`sgdma loopback`: a file of yours through the device and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from sgdma.commands.simulated import simulated
from sgdma.engine.device import open_dma
from sgdma.engine.loopback import LoopbackResult, run_loopback
from sgdma.run.seed import chosen_seed

__all__ = ["loopback_command"]


def loopback_command(
    file: Annotated[Path, typer.Argument(help="Any file.", exists=True, dir_okay=False, readable=True)],
    target: Annotated[str, typer.Option(help="URL of the target, see `sgdma targets`.", callback=simulated)] = "model:",
    seed: Annotated[
        int | None, typer.Option(help="Of the cuts and places; by default SGDMA_SEED, else a new one.", min=0)
    ] = None,
    in_flight: Annotated[int, typer.Option(help="Requests mapped at a time.", min=2)] = 256,
    allow_mismatch: Annotated[bool, typer.Option(help="Talk to a device that this host does not know.")] = False,
) -> None:
    """Cut a file at random, scatter it over memory, send it through the device and compare what comes back."""
    chosen, console = chosen_seed(seed), Console()
    console.print(f"seed {chosen}")
    with open_dma(target, allow_mismatch=allow_mismatch) as dma:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(file.name, total=file.stat().st_size)
            result = run_loopback(
                dma, file.read_bytes(), seed=chosen, in_flight=in_flight,
                progress=lambda done: bar.update(task, completed=done),
            )  # fmt: skip
        dma.check()
        hertz = dma.identity.clock_hz
    _report(console, result, hertz)
    if not result.same:
        raise typer.Exit(1)


def _report(console: Console, result: LoopbackResult, hertz: int) -> None:
    console.print(f"{result.requests} requests, up to {result.in_flight} in flight, {result.cycles} cycles "
                  f"({1e3 * result.cycles / hertz:.3f} ms at {hertz / 1e6:g} MHz)")  # fmt: skip
    if result.same:
        console.print(f"[green]same[/]: SHA-256 {result.sent_sha256}")
    else:
        console.print(f"[bold red]different[/]: sent {result.sent_sha256}, received {result.received_sha256}")
