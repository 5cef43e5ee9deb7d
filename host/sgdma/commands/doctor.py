"""`sgdma doctor`: is this machine fit for the target I mean to use?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sgdma.doctor import Need, Status, examine, gather

STYLES = {Status.OK: "green", Status.MISSING: "bold red", Status.OPTIONAL: "yellow"}


def doctor(
    need: Annotated[Need, typer.Option("--for", help="The target that the machine is meant for.")] = Need.SIM,
) -> None:
    """Check this machine; exit with 1 when something the chosen target needs is missing."""
    findings = examine(gather(), need)
    console = Console()
    table = Table("check", "status", "found", title=f"sgdma doctor --for {need}", title_justify="left")
    for finding in findings:
        style = STYLES[finding.status]
        table.add_row(finding.name, f"[{style}]{finding.status}[/]", escape(finding.found))
    console.print(table)
    # Outside the table and never wrapped, so that a command can be copied whole.
    for finding in findings:
        if finding.remedy:
            style = STYLES[finding.status]
            console.print(f"[{style}]{finding.name}[/]: {escape(finding.remedy)}", soft_wrap=True, highlight=False)
    if any(finding.status is Status.MISSING for finding in findings):
        raise typer.Exit(1)
