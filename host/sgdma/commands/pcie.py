"""`sgdma pcie`: which PCI functions there are, and giving one to VFIO and back."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sgdma.pcie.bind import Function, Functions

__all__ = ["app"]

app = typer.Typer(help="PCI functions: list, give to VFIO, give back.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="Of the function: 0000:01:00.0, or 01:00.0.")]


@app.command("list")
def list_command(everything: Annotated[bool, typer.Option("--all", help="Those of others as well.")] = False) -> None:
    """The sgdma cores on the bus, with their driver and IOMMU group."""
    found = Functions().all()
    shown = found if everything else [function for function in found if function.ours or function.driver == "vfio-pci"]
    table = Table("address", "vendor:device", "driver", "IOMMU group", "")
    for function in shown:
        group = "none" if function.group is None else str(function.group)
        names = (function.address, f"{function.vendor:04x}:{function.device:04x}", function.driver or "none", group)
        table.add_row(*names, "sgdma core" if function.ours else "", style="bold green" if function.ours else None)
    console = Console()
    console.print(table if shown else f"no sgdma core among {len(found)} PCI functions; `--all` lists them")


@app.command("bind")
def bind_command(
    address: Address,
    replace: Annotated[bool, typer.Option("--replace", help="Take it from its driver, if idle.")] = False,
) -> None:
    """Give a function to vfio-pci. Refuses one that is in use."""
    _say(Functions().bind(address, replace=replace))


@app.command("unbind")
def unbind_command(address: Address) -> None:
    """Take a function from vfio-pci and let its own driver have it again."""
    _say(Functions().unbind(address))


@app.command("remove")
def remove_command(address: Address) -> None:
    """Take a function off the bus: before its board is pulled, or gets another bitstream."""
    Functions().remove(address)
    Console().print(f"{address} is off the bus; `sgdma pcie rescan` finds it again")


@app.command("rescan")
def rescan_command() -> None:
    """Look for functions that have come."""
    new = Functions().rescan()
    Console().print(f"{len(new)} new: {', '.join(function.address for function in new)}" if new else "nothing new")


def _say(function: Function) -> None:
    group = "no IOMMU group" if function.group is None else f"IOMMU group {function.group}"
    target = f"; vfio:{function.address}" if function.driver == "vfio-pci" else ""
    Console().print(f"{function.address}: driver {function.driver or 'none'}, {group}{target}", highlight=False)
