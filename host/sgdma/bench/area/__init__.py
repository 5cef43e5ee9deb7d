"""What the core costs and how fast it is clocked: Xilinx 7 and ECP5, with yosys and nextpnr.

The core with its registers, without the fixture, CRC off. Nothing is bought: both tools are pip packages.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sgdma.bench.area.grid import Point, points
from sgdma.bench.area.tools import Design, ecp5_row, fmax_mhz, xc7_row
from sgdma.errors import UsageError
from sgdma.paths import checkout_root
from sgdma.run.generator import generate
from sgdma.run.page import replace_section

__all__ = ["SHOWN", "document", "run", "table"]

SHOWN = ("data_width", "queue_pairs", "rules", "lut_xc7", "ff_xc7", "lut_ecp5", "fmax_ecp5_mhz")
"""What of a row is printed."""

Row = dict[str, Any]
Told = Callable[[str], None]


def run(grid: str = "published", seeds: int = 5) -> list[Row]:
    """One row a configuration: guard (1), published (5), full (7), or a list like 64/1/aligned64,256/4/peculiar.

    `fmax_ecp5_mhz` is the median of `seeds` placements (0: none), each about a minute. What was made once is kept.
    """
    if seeds < 0:
        raise UsageError(f"--seeds {seeds}: must be 0 (no placement) or more")
    designs = {point: _generated(point) for point in points(grid)}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        # A step is over when the next begins.
        task = progress.add_task("", total=len(designs) * (2 + seeds), completed=-1)

        def begin(step: str) -> None:
            progress.update(task, description=step, advance=1)

        return [_row(point, design, seeds, begin) for point, design in designs.items()]


def document(rows: Sequence[Row]) -> None:
    """Renew the table in docs/performance.md."""
    replace_section(checkout_root() / "docs" / "performance.md", "area", table(rows))


def _row(point: Point, design: Design, seeds: int, begin: Told) -> Row:
    begin(f"{point}: synthesis for xc7")
    row: Row = asdict(point) | xc7_row(design.xc7())
    begin(f"{point}: synthesis for ECP5")
    row |= ecp5_row(design.ecp5())
    speeds = []
    for seed in range(1, seeds + 1):
        begin(f"{point}: placement, seed {seed}")
        speeds.append(fmax_mhz(design.place(seed)))
    return row | {"fmax_ecp5_mhz": round(median(speeds), 2) if speeds else None, "seeds": seeds}


def _generated(point: Point) -> Design:
    with tempfile.TemporaryDirectory() as scratch:
        generate(point.build, Path(scratch), chosen=0)  # placement must not depend on sources that are not in it
        build = json.loads((Path(scratch) / "build.json").read_text())
        return Design(Path(scratch) / "gateware", build["sources"], build["top"])


COLUMNS = {
    "data_width": "bits", "queue_pairs": "queue pairs", "rules": "rules", "lut_xc7": "LUT xc7", "ff_xc7": "FF xc7",
    "lutram_xc7": "LUT RAM xc7", "inv_xc7": "INV xc7", "bram": "RAMB36", "carry": "CARRY4",
    "lut_ecp5": "LUT4 ECP5", "ff_ecp5": "FF ECP5", "fmax_ecp5_mhz": "MHz ECP5",
}  # fmt: skip
"""What of a row is published, and its heading."""


def table(rows: Sequence[Row]) -> str:
    """Markdown: what is counted, and one line a configuration."""
    seeds = max((row["seeds"] for row in rows), default=0)
    clock = f"register to register, out of context, median of {seeds} placements" if seeds else "not placed"
    lines = [
        "LUT xc7 is the sum of LUT1 to LUT6; LUTs used as memory (LUT RAM) and inverters (INV) stand apart. LUT4 ECP5 "
        f"is without carry chains and memory. MHz: ECP5 speed grade 6, {clock}.", "",
        f"| {' | '.join(COLUMNS.values())} |", "|" + "---|" * len(COLUMNS),
    ]  # fmt: skip
    return "\n".join([*lines, *(f"| {' | '.join(_cell(row[column]) for column in COLUMNS)} |" for row in rows)]) + "\n"


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
