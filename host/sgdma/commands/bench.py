"""`sgdma bench`: measurements, each a module of sgdma.bench with a function `run`."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import sgdma.bench
from sgdma.commands.simulated import simulated
from sgdma.errors import UsageError
from sgdma.run.record import check_writable, write_atomically

__all__ = ["bench_command", "benches"]

MOST = 100
"""Rows that are printed."""


def bench_command(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which; without it, what there is.")] = None,
    target: Annotated[str | None, typer.Option(help="URL, for a bench that measures a device.")] = None,
    requests: Annotated[int | None, typer.Option(help="How many, for a bench that counts requests.", min=1)] = None,
    output: Annotated[Path | None, typer.Option("--json", help="Write the rows there as well.")] = None,
    grid: Annotated[str | None, typer.Option(help="How much to measure, for a bench that has grids.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Placements, for a bench that places designs.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Draw the rows there as SVG, for a bench that can.")] = None,
    docs: Annotated[bool, typer.Option("--docs", help="Renew the bench's pages in docs/ from the rows.")] = False,
) -> None:
    """Measure; print a table, and with --json write {"rows": [...]}."""
    console = Console()
    if name is None:
        _list(console)
        return
    bench = _find(name)
    for option, path in (("--json", output), ("--chart", chart)):
        if path:
            check_writable(path, option)
    options = _options(context, name, bench, target, {"grid": grid, "requests": requests, "seeds": seeds})
    for option, given, needs in (("--chart", chart, "chart"), ("--docs", docs, "document")):
        if given and not hasattr(bench, needs):
            raise UsageError(f"bench {name} has no {option}; leave it out")
    rows = bench.run(**options)
    _print(console, name, rows, getattr(bench, "SHOWN", None))
    if output:
        write_atomically(output, json.dumps({"rows": rows}, indent=1, default=str) + "\n", "--json")
    if chart:
        write_atomically(chart, bench.chart(rows), "--chart")
    if docs:
        bench.document(rows)


def _options(
    context: typer.Context, name: str, bench: ModuleType, target: str | None, given: dict[str, Any]
) -> dict[str, Any]:
    """What to call the bench with. Raises UsageError for an option that it does not have."""
    takes = inspect.signature(bench.run).parameters
    if target is not None and "target" not in takes:
        raise UsageError(f"bench {name} measures no device; leave out --target {target}")
    options = {option: value for option, value in given.items() if value is not None}
    for option, value in options.items():
        if option not in takes:
            raise UsageError(f"bench {name} has no --{option}; leave out --{option} {value}")
    if "target" in takes:
        options["target"] = simulated(context, target if target is not None else takes["target"].default)
    return options


def benches() -> list[str]:
    """Names of all benches."""
    return sorted(module.name for module in pkgutil.iter_modules(sgdma.bench.__path__))


def _find(name: str) -> ModuleType:
    if name not in benches():
        raise UsageError(f"bench {name!r}: unknown; there are {', '.join(benches())}")
    return importlib.import_module(f"sgdma.bench.{name}")


def _list(console: Console) -> None:
    table = Table("bench", "what it measures")
    for name in benches():
        table.add_row(name, inspect.getdoc(_find(name)) or "")
    console.print(table)


def _print(console: Console, name: str, rows: list[dict[str, Any]], shown: Sequence[str] | None) -> None:
    """The columns `shown` (None: all); what is the same in all rows goes into the title."""
    columns = [column for column in dict.fromkeys(column for row in rows for column in row)
               if shown is None or column in shown]  # fmt: skip
    first, several = rows[0], len(rows) > 1
    common = [column for column in columns if several and all(row.get(column) == first.get(column) for row in rows)]
    told = ", ".join(f"{column.replace('_', ' ')} {_shown(first[column])}" for column in common)
    columns = [column for column in columns if column not in common]
    title = f"{name}: {told}" if told else name
    table = Table(*(column.replace("_", " ") for column in columns), title=title, title_justify="left")
    for row in rows[:MOST]:
        table.add_row(*(_shown(row.get(column, "")) for column in columns))
    console.print(table)
    if len(rows) > MOST:
        console.print(f"and {len(rows) - MOST} more: --json writes them all")


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
