"""`sgdma probe`: what answers at a target?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sgdma.commands.simulated import simulated
from sgdma.engine.identity import choose_rules, probe
from sgdma.targets import Target, open_target
from sgdma.targets.board import BoardTarget

__all__ = ["probe_command"]


def probe_command(
    target: Annotated[str, typer.Option(help="URL of the target, see `sgdma targets`.", callback=simulated)] = "model:",
    allow_mismatch: Annotated[bool, typer.Option(help="Show a device that this host does not know as well.")] = False,
) -> None:
    """Show a device's identity; refuse a foreign or stale one. Changes nothing on the device."""
    with open_target(target) as opened:
        found = probe(opened, allow_mismatch=allow_mismatch)
        rules = choose_rules(opened, found, None, allow_mismatch=allow_mismatch)
        board = _board(opened)
        capabilities = ", ".join(flag.name.lower() for flag in opened.capabilities if flag.name) or "none"
    table = Table(title=target, title_justify="left", show_header=False)
    rows = {
        "interface version": found.version_text, "register map": f"{found.map_hash:08x}",
        "content hash": f"{found.content_hash:032x}", "rules": f"{rules.name} ({found.rules_hash:08x})",
        "clock": f"{found.clock_hz / 1e6:g} MHz",
        "memory bus": f"{found.data_width} bit, {found.address_bits} address bits",
        "bursts": f"within {found.burst_bytes} bytes", "queue pairs": str(found.queues),
        "list buffers": f"{found.list_slots} segments", "prefetch": f"{found.prefetch_slots} slots a queue",
        "CRC32C": _yes(found.crc), "realigner": f"H2C {_yes(found.realign_h2c)}, C2H {_yes(found.realign_c2h)}",
        "test fixture": _yes(found.fixture), "target can": capabilities,
    } | board  # fmt: skip
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


def _board(target: Target) -> dict[str, str]:
    """A board's own memory, and the quality of the serial link to it."""
    if not isinstance(target, BoardTarget):
        return {}
    lanes = [f"lane {place}: slip {slip}, delay {delay} of {width} in a row"
             for place, (slip, delay, width) in enumerate(target.memory_lanes()) if width > 1]  # fmt: skip
    kind = "SDRAM" if target.has("dram") else "block RAM"
    memory = {"DMA memory": ", ".join([f"{target.memory_bytes >> 10} KiB of {kind}", *lanes])}
    quality = target.link_quality()
    told = {name: str(getattr(quality, name)) for name in quality.__dataclass_fields__}
    return memory | {"link": ", ".join(f"{name} {value}" for name, value in told.items())}


def _yes(value: bool) -> str:
    return "yes" if value else "no"
