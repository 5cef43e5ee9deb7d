"""`sgdma vm`: a virtual PCIe slot on this machine, and commands in the guest that has it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console

from sgdma.errors import UsageError

__all__ = ["app"]

app = typer.Typer(help="A virtual PCIe slot: a guest in QEMU with a real kernel and VFIO.", no_args_is_help=True)


@app.command("setup")
def setup_command() -> None:
    """Fetch QEMU and a guest kernel into the build cache, and boot the guest once. Changes nothing else here."""
    from sgdma.vm.guest import Guest

    began = time.monotonic()
    with Guest() as guest:
        ready, release = guest.boot_seconds, guest.run(["uname", "-r"]).text.strip()
    Console().print(f"guest with Linux {release} up in {ready:.1f} s, {time.monotonic() - began:.1f} s in all")


@app.command("run", context_settings={"allow_interspersed_args": False})
def run_command(
    command: Annotated[list[str], typer.Argument(help="What to run in the guest: python, sgdma, or a program.")],
    socket: Annotated[Path | None, typer.Option(help="vfio-user server whose function shall be in the slot.")] = None,
    limit: Annotated[float, typer.Option(help="Seconds that the command may take.")] = 600.0,
    fetch: Annotated[str, typer.Option(help="A file or directory of the guest to bring here afterwards.")] = "",
    into: Annotated[Path, typer.Option(help="Where to put what is fetched.")] = Path(),
    log: Annotated[Path | None, typer.Option(help="Write the guest's console there.")] = None,
) -> None:
    """Run a command in a fresh guest, the slot's function bound to vfio-pci; ends with the command's status."""
    from sgdma.vm.guest import Guest

    if socket and not socket.is_socket():
        raise UsageError(f"{socket} is no socket; start a server there: sgdma serve --pcie {socket}")
    with Guest(function=socket, log=log) as guest:
        if socket:
            guest.bind()
        status = guest.run(command, limit=limit, out=_to(sys.stdout.buffer), err=_to(sys.stderr.buffer)).status
        if fetch:
            guest.fetch(fetch, into)
    raise typer.Exit(status)


def _to(sink: BinaryIO) -> Callable[[bytes], None]:
    """What writes to a stream at once."""

    def write(said: bytes) -> None:
        sink.write(said)
        sink.flush()

    return write
