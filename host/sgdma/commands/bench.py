"""`sgdma bench`: measurements, each a module of sgdma.bench with a function `run`."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
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
from sgdma.run.record import write_atomically

__all__ = ["bench_command", "benches"]


def bench_command(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which; without it, what there is.")] = None,
    target: Annotated[str | None, typer.Option(help="URL, for a bench that measures a device.")] = None,
    requests: Annotated[int | None, typer.Option(help="How many, for a bench that counts requests.")] = None,
    output: Annotated[Path | None, typer.Option("--json", help="Write the rows there as well.")] = None,
) -> None:
    """Measure; print a table, and with --json write {"rows": [...]}."""
    console = Console()
    if name is None:
        _list(console)
        return
    bench = _find(name)
    takes_target = inspect.signature(bench.run).parameters.get("target")
    options: dict[str, Any] = {}
    if requests is not None:
        if "requests" not in inspect.signature(bench.run).parameters:
            raise UsageError(f"bench {name} counts no requests; leave out --requests {requests}")
        options["requests"] = requests
    if takes_target is not None:
        options["target"] = simulated(context, target or takes_target.default)
    elif target is not None:
        raise UsageError(f"bench {name} measures no device; leave out --target {target}")
    rows = bench.run(**options)
    _print(console, name, rows)
    if output:
        write_atomically(output, json.dumps({"rows": rows}, indent=1, default=str) + "\n")


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


def _print(console: Console, name: str, rows: list[dict[str, Any]]) -> None:
    """What is the same in all rows goes into the title."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    first, several = rows[0], len(rows) > 1
    common = [column for column in columns if several and all(row.get(column) == first.get(column) for row in rows)]
    told = ", ".join(f"{column.replace('_', ' ')} {_shown(first[column])}" for column in common)
    columns = [column for column in columns if column not in common]
    title = f"{name}: {told}" if told else name
    table = Table(*(column.replace("_", " ") for column in columns), title=title, title_justify="left")
    for row in rows:
        table.add_row(*(_shown(row.get(column, "")) for column in columns))
    console.print(table)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
