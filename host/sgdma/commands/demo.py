"""`sgdma demo`: the guided tour without a board: suite on the model and in simulation, throughput, report.

With `--uart` the tour goes on to a virtual UART board: suite through its pseudo-terminal, firmware's tests included.
With `--pcie` to PCI Express: TLPs in simulation, a virtual PCI function through vfio-user, and the same in a guest
through the kernel's VFIO (`--no-guest` leaves that out).
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sgdma.commands.report import report_on
from sgdma.commands.test import run_suite
from sgdma.errors import GuestFailed, MissingTool, RigError
from sgdma.run import boards as known
from sgdma.run.outside import run_in_simulator
from sgdma.run.record import RunDirectory, create
from sgdma.run.seed import chosen_seed
from sgdma.run.slot import SLOT_URL, run_in_guest, served_function
from sgdma.spec.build import BuildParameters

__all__ = ["demo_command"]

TARGETS = ("model:", "sim:")
PATIENCE = 30
"""Seconds that a virtual board on a busy machine may take to answer."""


def demo_command(
    run_dir: Annotated[Path | None, typer.Option(help="Where to leave the record; by default a new one.")] = None,
    uart: Annotated[bool, typer.Option("--uart", help="Also on a virtual UART board with a CPU.")] = False,
    pcie: Annotated[bool, typer.Option("--pcie", help="Also over PCIe: TLPs, and a virtual PCI function.")] = False,
    guest: Annotated[bool, typer.Option(help="With --pcie, also in a guest of QEMU.")] = True,
) -> None:
    """Run the suite on model: and sim: (and virtual boards), measure throughput in simulation, report."""
    begin, console = time.monotonic(), Console()
    seed, run = chosen_seed(), create(run_dir)
    with contextlib.ExitStack() as stack:
        targets = [*TARGETS, *(stack.enter_context(_board(run)) if uart else [])]
        statuses = [run_suite(url, run, seed) for url in targets]
    if pcie:
        statuses += _pcie(run, seed, console, guest)
    if not uart and not pcie:
        _measure(run, console)
    console.rule("summary", align="left")
    good = report_on(run)
    console.print(f"{time.monotonic() - begin:.0f} seconds")
    sys.stdout.flush()
    console.print(str(run.path / "report.html"), highlight=False, soft_wrap=True)
    if not good or any(statuses):
        raise typer.Exit(1)


def _measure(run: RunDirectory, console: Console) -> None:
    console.rule("throughput in simulation", align="left")
    measured = run.path / "throughput.json"
    status = run_in_simulator("sim:", "sgdma", ["bench", "throughput", "--target", "sim:", "--json", str(measured)])
    if status:
        raise RigError(f"the throughput could not be measured (status {status}); see the output above")
    run.add_metrics(json.loads(measured.read_text())["rows"])
    measured.unlink()


def _pcie(run: RunDirectory, seed: int, console: Console, guest: bool) -> list[int]:
    """The rungs of PCIe. Where QEMU can't be had its rung is left out, aloud."""

    def say(text: bytes) -> None:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()

    with served_function("--log", str(run.path / "iommu.log")) as function:
        link = run.path / "function"
        link.symlink_to(function)
        try:
            statuses = [run_suite(url, run, seed) for url in ("sim:pcie", f"vfio-user:{link}")]
            if guest and _have_guest(console):
                console.rule(f"{SLOT_URL}, in a guest", align="left")
                statuses.append(run_in_guest(function, run, seed, say))
        finally:
            link.unlink()
    return statuses


def _have_guest(console: Console) -> bool:
    from sgdma.vm.obtain import obtain

    try:
        obtain()
    except (MissingTool, GuestFailed) as error:
        console.print(f"LEFT OUT: {error}", style="bold yellow")
        return False
    return True


@contextlib.contextmanager
def _board(run: RunDirectory) -> Iterator[tuple[str]]:
    """A virtual board with a CPU, running; its URL, which is that of a link in the run directory."""
    from sgdma.targets.sim.board import VirtualBoard, build_board

    virtual = known.board("virtual")
    parameters = BuildParameters(queues=virtual.queues, clock_hz=virtual.clock_hz)
    with VirtualBoard(build_board(parameters, known.chosen(virtual, parameters))) as board:
        link = run.path / "board"
        link.symlink_to(board.port)
        try:
            yield (f"uart:{link}?timeout={PATIENCE}",)
        finally:
            link.unlink()
