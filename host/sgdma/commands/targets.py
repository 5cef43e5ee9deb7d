"""`sgdma targets`: the rungs of the ladder."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table

from sgdma.targets import SCHEMES

__all__ = ["targets_command"]


def targets_command() -> None:
    """The targets that a test can run on, and what each needs."""
    table = Table(Column("URL", no_wrap=True), "what answers", "needs", Column("example", overflow="fold"))
    for name, scheme in SCHEMES.items():
        table.add_row(f"{name}:", scheme.title, scheme.needs, scheme.example)
    Console().print(table)
