"""`sgdma serve`: a virtual board to connect to, as one would to a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from sgdma.commands.given import refuse
from sgdma.errors import UsageError
from sgdma.run import boards as known
from sgdma.spec.build import BuildParameters

__all__ = ["serve_command"]


def serve_command(
    context: typer.Context,
    uart: Annotated[bool, typer.Option("--uart", help="A UART board: its SoC behind a pseudo-terminal.")] = False,
    pcie: Annotated[Path | None, typer.Option(help="A PCI function, by vfio-user on this UNIX socket.")] = None,
    clients: Annotated[int, typer.Option(help="With --pcie: end behind so many clients; 0: never.", min=0)] = 0,
    log: Annotated[Path | None, typer.Option(help="With --pcie: file for accesses to what is not mapped.")] = None,
    rules: Annotated[str, typer.Option(help="A shipped rule set, or the path of a TOML file.")] = "peculiar",
    data_width: Annotated[int, typer.Option(help="Bits of the core's bus: 64, 128, 256 or 512.")] = 64,
    queues: Annotated[int, typer.Option(help="Queue pairs, 1 to 31.")] = 4,
    link: Annotated[str, typer.Option(help="Serial link: reliable, or LiteX's uartbone.")] = "reliable",
    cpu: Annotated[bool, typer.Option(help="With the soft CPU and its firmware.")] = True,
    dram: Annotated[bool, typer.Option(help="DMA memory in SDRAM, by LiteDRAM and a model of the chip.")] = False,
    tcp: Annotated[
        int | None, typer.Option(help="A TCP port of this machine as well; 0: any that is free.", min=0, max=65535)
    ] = None,
    name: Annotated[Path | None, typer.Option(help="Symbolic link to the pseudo-terminal.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Write waves of the whole board there (VCD).")] = None,
) -> None:
    """Run a board in Verilator until interrupted. Simulated time passes only while somebody is connected."""
    if (pcie is not None) == uart:
        raise UsageError("what shall be served? --uart or --pcie PATH")
    others = ("clients", "log") if uart else ("link", "cpu", "dram", "tcp", "name")
    refuse(context, others, "with --uart" if uart else "with --pcie")
    if pcie is not None:
        parameters = BuildParameters(rules=rules, data_width=data_width, queues=queues, guard=1)
        _serve_pcie(pcie, parameters, clients, log, trace)
    if name:
        _make_room(name)
    from sgdma.targets.sim.board import VirtualBoard, build_board

    virtual = known.board("virtual")
    parameters = BuildParameters(rules=rules, data_width=data_width, queues=queues, clock_hz=virtual.clock_hz)
    options = known.chosen(virtual, parameters, link=link, cpu=cpu, dram=dram)
    build = build_board(parameters, options, waves=trace is not None)
    arguments = [] if tcp is None else ["--tcp", str(tcp)]
    arguments += ["--trace", str(trace.absolute())] if trace else []
    with VirtualBoard(build, *arguments) as board:
        console, port = Console(), board.port
        if name:
            _make_room(name)
            name.symlink_to(board.port)
            port = str(name)
        console.print(f"uart:{port}", highlight=False, soft_wrap=True)
        if board.tcp:
            console.print(f"uart:socket://localhost:{board.tcp}", highlight=False, soft_wrap=True)
        try:
            board.wait()
        finally:
            if name and name.is_symlink():
                name.unlink()


def _make_room(name: Path) -> None:
    """Remove the link that an earlier board left. Raises UsageError when anything else is there."""
    if name.is_symlink():
        name.unlink()
    elif name.exists():
        raise UsageError(f"--name {name}: is there already and is no symbolic link; remove it or choose another name")


def _serve_pcie(
    path: Path, parameters: BuildParameters, clients: int, log: Path | None, trace: Path | None
) -> NoReturn:
    from sgdma.pcie.server import make_room
    from sgdma.run.outside import run_in_simulator

    make_room(path)
    chosen = {name: getattr(parameters, name) for name in ("rules", "data_width", "queues", "guard")}
    url = "sim:?" + "&".join(f"{name}={value}" for name, value in chosen.items())
    arguments = [url, str(path.absolute()), str(clients), *([str(log.absolute())] if log else [])]
    raise typer.Exit(run_in_simulator(url, "sgdma.targets.sim.served:main", arguments, trace))
