"""`sgdma boards`, `sgdma build`, `sgdma flash`: from the list of boards to a board that holds our bitstream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from sgdma.commands.given import refuse
from sgdma.errors import BoardFileError
from sgdma.run import boards as known
from sgdma.spec.build import BuildParameters

__all__ = ["boards_command", "build_command", "flash_command"]

Output = Annotated[Path | None, typer.Option(help="Directory of the build; by default one a board in the build cache.")]


def boards_command() -> None:
    """The boards that `sgdma build` knows."""
    heads = ("what it is", "FPGA", "clock", "DMA memory", "built by", "flashed as")
    table = Table(Column("board", no_wrap=True), *(Column(head, overflow="fold") for head in heads))
    found = known.boards()
    wrong = [board for board in found if isinstance(board, BoardFileError)]
    for board in (board for board in found if board not in wrong):
        memory = "the host's" if board.pcie else f"{board.memory_bytes >> 10} KiB block RAM"
        if board.dram:
            memory += f"; --dram: {board.dram.title}"
        table.add_row(board.name, board.title, board.fpga, f"{board.clock_hz / 1e6:g} MHz", memory, board.tools,
                      board.loader or "-")  # fmt: skip
    Console().print(table)
    for error in wrong:
        Console().print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)


def build_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="BOARD", help="See `sgdma boards`.")],
    rules: Annotated[str, typer.Option(help="A shipped rule set, or the path of a TOML file.")] = "peculiar",
    data_width: Annotated[int, typer.Option(help="Bits of the core's bus, 64 to 512; 0: the board's own choice.")] = 0,
    queues: Annotated[int, typer.Option(help="Queue pairs, 1 to 31; 0: the board's own choice.")] = 0,
    crc: Annotated[bool, typer.Option(help="CRC32C of the payload in completions.")] = True,
    clock: Annotated[int, typer.Option(help="Hz; 0: the board's own choice.")] = 0,
    memory: Annotated[int, typer.Option(help="Bytes of memory for DMA; 0: the board's own choice.")] = 0,
    dram: Annotated[bool, typer.Option(help="DMA memory in the board's SDRAM, in place of block RAM.")] = False,
    link: Annotated[str, typer.Option(help="Serial link: reliable, or LiteX's uartbone.")] = "reliable",
    cpu: Annotated[bool, typer.Option(help="With the soft CPU and its firmware.")] = False,
    scope: Annotated[bool, typer.Option(help="LiteScope on the core's memory bus.")] = False,
    compile: Annotated[bool, typer.Option(help="Run the tools, or only write the project.")] = True,
    output: Output = None,
) -> None:
    """Build a board's bitstream: SoC by LiteX, then the FPGA's tools."""
    board = known.board(name)
    if board.pcie:
        refuse(context, ("memory", "dram", "link", "cpu", "scope"), f"for {name}, a PCIe board")
    queues = queues or board.queues
    data_width = data_width or (board.dram.data_width if dram and board.dram else 64)
    parameters = BuildParameters(rules=rules, data_width=data_width, queues=queues, crc=int(crc),
                                 clock_hz=clock or board.clock_hz, memory_bytes=board.card_bytes,
                                 loopback_bytes=4096)  # fmt: skip
    options = known.chosen(board, parameters, memory=memory, dram=dram, cpu=cpu, link=link, scope=scope)
    console = Console()
    where = output or known.build_directory(name)
    with console.status(f"{board.title}: building in {where}"):
        built = known.build(name, parameters, options, compile=compile, output=output)
    console.print(f"[green]{board.title}[/]: rules {parameters.rule_set.name}, {data_width} bit, {queues} queue pairs, "
                  f"{parameters.clock_hz / 1e6:g} MHz")  # fmt: skip
    console.print(f"content hash {built['content_hash']}", highlight=False)
    if built.get("fmax_mhz"):
        console.print(f"clock reaches {built['fmax_mhz']} MHz")
        table = Table("cells", "used", "of")
        for kind, (used, most) in built["used"].items():
            table.add_row(kind, str(used), f"{most} ({100 * used // most} %)")
        console.print(table)
    console.print(str(where / built.get("bitstream", "gateware")), highlight=False, soft_wrap=True)


def flash_command(
    name: Annotated[str, typer.Argument(metavar="BOARD", help="See `sgdma boards`.")],
    keep: Annotated[bool, typer.Option("--keep", help="Into flash memory, else until power-off.")] = False,
    at: Annotated[str, typer.Option(help="PCI address: off the bus meanwhile, then link reset and back.")] = "",
    output: Output = None,
) -> None:  # fmt: skip
    """Load a board's bitstream with openFPGALoader; a stale one is refused."""
    if at:
        bitstream = known.flash_in_slot(name, at, output, keep=keep)
    else:
        bitstream = known.flash(name, output, keep=keep)
    target = f"vfio:{at or 'ADDRESS'}" if known.board(name).pcie else f"uart:/dev/ttyUSB0?board={name}"
    Console().print(f"loaded {bitstream}; next: sgdma probe --target {target}", highlight=False)
