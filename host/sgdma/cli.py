"""The `sgdma` command: registers the subcommands, and turns errors into messages and exit codes.

Exit codes: 0 well, 1 the device is at fault, 2 wrong usage, 3 the rig is at fault, 130 interrupted.
"""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from sgdma.commands import (
    bench,
    boards,
    demo,
    doctor,
    gen,
    loopback,
    monitor,
    pcie,
    plan,
    probe,
    report,
    rules,
    serve,
    targets,
    test,
    vm,
)
from sgdma.errors import DeviceError, RigError, SgdmaError, UsageError

__all__ = ["EXIT_CODES", "app", "exit_code", "main"]

EXIT_CODES: tuple[tuple[type[SgdmaError], int], ...] = ((UsageError, 2), (DeviceError, 1), (RigError, 3))
INTERRUPTED = 130


def exit_code(error: SgdmaError) -> int:
    """The exit code that stands for an error."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


class Commands(TyperGroup):
    """Shows a :class:`SgdmaError` as one message on standard error, never as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except SgdmaError as error:
            Console(stderr=True).print(f"{_kind(error)}: {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as error:
            Console(stderr=True).print("interrupted", style="yellow")
            raise typer.Exit(INTERRUPTED) from error


def _kind(error: SgdmaError) -> str:
    return {1: "device", 2: "usage", 3: "rig"}[exit_code(error)]


app = typer.Typer(
    cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False,
    help="Test a scatter-gather DMA core: from a numpy model to the board, with one suite.",
)  # fmt: skip
app.command("demo")(demo.demo_command)
app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test.suite_command)
app.command("report")(report.report_command)
app.command("bench")(bench.bench_command)
app.command("gen")(gen.gen_command)
app.command("boards")(boards.boards_command)
app.command("build")(boards.build_command)
app.command("flash")(boards.flash_command)
app.command("monitor")(monitor.monitor_command)
app.command("serve")(serve.serve_command)
app.command("doctor")(doctor.doctor)
app.command("targets")(targets.targets_command)
app.command("probe")(probe.probe_command)
app.command("loopback")(loopback.loopback_command)
app.command("plan")(plan.plan_command)
app.add_typer(rules.app, name="rules")
app.add_typer(pcie.app, name="pcie")
app.add_typer(vm.app, name="vm")


def main(arguments: list[str]) -> int:
    """Run one command line and return its exit code: how the simulator calls it."""
    try:
        app(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0
