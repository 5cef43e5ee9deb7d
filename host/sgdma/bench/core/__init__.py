"""How near the core comes to the limit of its bus: cycles a segment, by width, direction, size, latency and load.

Runs in the simulator, in device cycles: exact, repeatable, the same on every machine.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from sgdma.bench.core.chart import chart
from sgdma.bench.core.grid import Point, points
from sgdma.bench.core.measure import Bench
from sgdma.bench.core.page import renew
from sgdma.paths import checkout_root

__all__ = ["SHOWN", "chart", "document", "inside", "measured", "run"]

SHOWN = (*(field.name for field in dataclasses.fields(Point)), "cycles_per_segment", "utilisation", "of_limit",
         "doorbell_to_data", "data_to_completion", "completion_to_interrupt")  # fmt: skip
"""What of a row is printed."""


def run(grid: str = "published", target: str = "") -> list[dict[str, Any]]:
    """One row a point of the grid: guard (14 points, 10 s), published (692, 2 min) or full (10 000, 10 min).

    Without `target` in one simulator after the other, as many as the grid has builds; a new one takes half a minute.
    With one: the points that this device can run.
    """
    if target:
        return _on_target(target, points(grid))
    return measured(points(grid))


def measured(wanted: Sequence[Point], url: str = "") -> list[dict[str, Any]]:
    """Rows of these points, in their order; points of one build that follow each other share a simulator.

    `url`: of the simulator instead, where it is not `sim:`; all points must fit its build.
    """
    if url:
        return _in_simulator(url, wanted)
    rows: list[dict[str, Any]] = []
    for (width, rules), group in groupby(wanted, key=lambda point: (point.data_width, point.rules)):
        rows += _in_simulator(f"sim:?rules={rules}&data_width={width}&crc=0", list(group))
    return rows


def document(rows: Sequence[dict[str, Any]]) -> None:
    """Renew the core's part of docs/performance.md, and its chart."""
    renew(checkout_root() / "docs", rows)


def inside(arguments: list[str]) -> int:
    """Within the simulator: measure the points of one build. Arguments: URL, file of points, file for the rows."""
    url, source, sink = arguments
    wanted = [Point(**values) for values in json.loads(Path(source).read_text())]
    bench = Bench(url)
    with bench.dma:
        shown = track(wanted, description=url, console=Console(stderr=True))
        Path(sink).write_text(json.dumps([bench.measure(point) for point in shown]))
    return 0


def _on_target(url: str, wanted: Sequence[Point]) -> list[dict[str, Any]]:
    bench = Bench(url)
    with bench.dma:
        mine = [point for point in wanted if bench.fits(point)]
        if bench.sets_latency:
            return [bench.measure(point) for point in mine]
        alike = {dataclasses.replace(point, latency=0): point for point in mine}
        return [bench.measure(point) | {"latency": None} for point in alike.values()]


def _in_simulator(url: str, wanted: Sequence[Point]) -> list[dict[str, Any]]:
    from sgdma.run.outside import run_in_simulator

    with tempfile.TemporaryDirectory() as scratch:
        source, sink = Path(scratch) / "points.json", Path(scratch) / "rows.json"
        source.write_text(json.dumps([dataclasses.asdict(point) for point in wanted]))
        run_in_simulator(url, "sgdma.bench.core:inside", [url, str(source), str(sink)])
        rows: list[dict[str, Any]] = json.loads(sink.read_text())
        return rows
