"""`sgdma gen`: the core as SystemVerilog, with its register maps, for a design of your own."""

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
    burst_bytes: Annotated[int, typer.Option(help="Longest burst in bytes: a power of two, 2 beats to 4096.")] = 512,
    list_slots: Annotated[int, typer.Option(help="Segments that a list may have, 16 to 16384.")] = 512,
    prefetch_slots: Annotated[int, typer.Option(help="Descriptors prefetched for each queue, 32 to 32768.")] = 256,
    clock: Annotated[int, typer.Option(help="Hz that your `clk` has: what the device tells its host.")] = 125_000_000,
    crc: Annotated[bool, typer.Option(help="CRC32C of the payload in completions.")] = True,
    fixture: Annotated[bool, typer.Option(help="The test fixture as user logic, or the user side as ports.")] = True,
) -> None:
    """Generate the stand-alone core: SystemVerilog, csr.json, csr.h, csr.svd and build.json."""
    parameters = BuildParameters(rules=rules, data_width=data_width, queues=queues, burst_bytes=burst_bytes,
                                 list_slots=list_slots, prefetch_slots=prefetch_slots, clock_hz=clock, crc=int(crc),
                                 fixture=int(fixture))  # fmt: skip
    content_hash = generate(parameters, output)
    console = Console()
    console.print(f"[green]{output}[/]: rules {parameters.rule_set.name}, {data_width} bit, {queues} queue pairs"
                  f", {clock / 1e6:g} MHz{'' if fixture else ', no fixture'}")
    console.print(f"content hash {content_hash:032x}", highlight=False)
    gateware = output / "gateware"
    console.print(f"sources in order: {gateware / 'sgdma.f'}; to lint them:", highlight=False, soft_wrap=True)
    console.print(f"verilator --lint-only -Wall --top-module sgdma_standalone {gateware / 'waivers.vlt'} "
                  f"-F {gateware / 'sgdma.f'}", highlight=False, soft_wrap=True)  # fmt: skip
