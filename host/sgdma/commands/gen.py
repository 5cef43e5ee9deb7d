"""`sgdma gen`: the core as Verilog, with its register maps, for a design of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sgdma.run.generator import generate
from sgdma.spec.build import BuildParameters

__all__ = ["gen_command"]


def gen_command(
    output: Annotated[Path, typer.Option(help="Directory to write to.")],
    rules: Annotated[str, typer.Option(help="A shipped rule set, or the path of a TOML file.")] = "peculiar",
    data_width: Annotated[int, typer.Option(help="Bits of the memory bus: 64, 128, 256 or 512.")] = 64,
    queues: Annotated[int, typer.Option(help="Queue pairs, 1 to 31.")] = 4,
    crc: Annotated[bool, typer.Option(help="CRC32C of the payload in completions.")] = True,
    fixture: Annotated[bool, typer.Option(help="The test fixture as user logic, or the user side as ports.")] = True,
) -> None:
    """Generate the stand-alone core: Verilog and SystemVerilog, csr.json, csr.h, csr.svd and build.json."""
    parameters = BuildParameters(rules=rules, data_width=data_width, queues=queues, crc=int(crc), fixture=int(fixture))
    content_hash = generate(parameters, output)
    console = Console()
    console.print(f"[green]{output}[/]: rules {parameters.rule_set.name}, {data_width} bit, {queues} queue pairs"
                  f"{'' if fixture else ', no fixture'}")
    console.print(f"content hash {content_hash:032x}", highlight=False)
