"""What happens on the core's bus cycle by cycle, where it costs most: one request, and the border between two.

Records waves in the simulator. A row is a cycle, with what each channel moved in it.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections import deque
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sgdma.bench.core.chart import STYLE
from sgdma.bench.core.grid import Point
from sgdma.bench.core.measure import Bench
from sgdma.paths import checkout_root
from sgdma.run.record import write_atomically
from sgdma.run.vcd import samples

__all__ = ["SHOWN", "chart", "document", "inside", "run"]

Row = dict[str, Any]
SHOWN = ("case", "cycle", "ar", "r", "aw", "w", "b", "h2c", "c2h", "event")
CHANNELS = SHOWN[2:]
CASES = {
    "one H2C request of 64 B, 64 bit, memory latency 16": Point(64, "h2c", 64, 1, 16, 1, 1),
    "one C2H request of 64 B, 64 bit, memory latency 16": Point(64, "c2h", 64, 1, 16, 1, 1),
    "C2H requests of 32 x 64 B, 256 bit: from one to the next": Point(256, "c2h", 64, 32, 16, 64, 1),
    "C2H requests of 1 x 64 B, 256 bit, 4 queues": Point(256, "c2h", 64, 1, 16, 1024, 4),
}
RUN = 2048
"""Cycles that are recorded of a case; of a steady state the last ones are shown."""
SINGLE, BORDER = 100, 76
"""Cycles shown."""
BENCH, CORE = "sgdma_tb.", "sgdma_tb.dut.sgdma_core."
SIGNALS = {
    **{f"{name}{what}": f"{BENCH}mem_{name}{what}" for name in ("ar", "r", "aw", "w", "b") for what in
       ("valid", "ready")},
    **{f"{name}id": f"{BENCH}mem_{name}id" for name in ("ar", "r", "aw", "b")}, "wlast": f"{BENCH}mem_wlast",
    **{f"{name}{what}": f"{CORE}{name}_{what}" for name in ("h2c", "c2h") for what in ("valid", "ready")},
    "doorbell": f"{CORE}sq_db_valid", "interrupt": f"{CORE}irq", "reset": f"{CORE}ctl_reset",
}  # fmt: skip


def run() -> list[Row]:
    """Rows of all cases, one after the other: ``case``, ``cycle`` and what moved (descriptor, payload, record)."""
    rows: list[Row] = []
    for case, point in CASES.items():
        seen = _moved(_recorded(point))
        rows += ({"case": case, "cycle": index} | row for index, row in enumerate(_shown(point, seen)))
    return rows


def inside(arguments: list[str]) -> int:
    """Within the simulator: the traffic of one case. Arguments: URL, point."""
    bench = Bench(arguments[0])
    with bench.dma:
        bench.drive(Point(**json.loads(arguments[1])), RUN)
    return 0


def document(rows: Sequence[Row]) -> None:
    """Renew docs/performance-cycles.svg."""
    write_atomically(checkout_root() / "docs" / "performance-cycles.svg", chart(rows))


def _recorded(point: Point) -> list[dict[str, int]]:
    """Signals of the cycles from the first doorbell to the reset that ends the case."""
    from sgdma.run.outside import run_in_simulator

    url = f"sim:?rules={point.rules}&data_width={point.data_width}&crc=0"
    with tempfile.TemporaryDirectory() as scratch:
        waves = Path(scratch) / "waves.vcd"
        run_in_simulator(url, "sgdma.bench.cycles:inside", [url, json.dumps(dataclasses.asdict(point))], waves)
        every = list(samples(waves, f"{BENCH}clk", SIGNALS))
    first = next(index for index, row in enumerate(every) if row["doorbell"])
    return every[first : first + RUN]


def _moved(cycles: Iterable[dict[str, int]]) -> list[Row]:
    """What each channel moved in each cycle. Write data is what its address was, in order."""
    rows, order = [], deque[int]()
    held = False
    for now in cycles:
        if now["awvalid"] and not held:
            order.append(now["awid"])
        held = bool(now["awvalid"] and not now["awready"])
        ids = {"ar": now["arid"], "r": now["rid"], "aw": now["awid"], "b": now["bid"], "w": order[0] if order else 0}
        row: Row = {}
        for name, own in ids.items():
            kind = "payload" if own else "descriptor" if name in ("ar", "r") else "record"
            row[name] = kind if now[f"{name}valid"] and now[f"{name}ready"] else ""
        if row["w"] and now["wlast"] and order:
            order.popleft()
        for name in ("h2c", "c2h"):
            row[name] = "payload" if now[f"{name}valid"] and now[f"{name}ready"] else ""
        row["event"] = "doorbell" if now["doorbell"] else "interrupt" if now["interrupt"] else ""
        rows.append(row)
    return rows


def _shown(point: Point, rows: list[Row]) -> list[Row]:
    """One request whole; of a steady state the neighbourhood of its last idle cycle of the channel that limits."""
    if point.in_flight == 1:
        return rows[:SINGLE]
    channel = "r" if point.direction == "h2c" else "w"
    idle = [index for index, row in enumerate(rows) if not row[channel]]
    middle = max((index for index in idle if index < RUN - BORDER), default=RUN // 2)
    return rows[middle - BORDER // 2 : middle + BORDER // 2]


CELL, LANE, LEFT, TITLE = 9, 16, 64, 34
KINDS = {"descriptor": "s1", "payload": "s0", "record": "s2", "doorbell": "s3", "interrupt": "s3"}


def chart(rows: Sequence[Row]) -> str:
    """A stand-alone SVG: a diagram a case, a lane a channel, a cell a cycle."""
    cases = list(dict.fromkeys(row["case"] for row in rows))
    widest = max(sum(row["case"] == case for row in rows) for case in cases)
    width, height = LEFT + widest * CELL + 24, TITLE + len(CHANNELS) * LANE + 30
    parts = [_diagram(case, [row for row in rows if row["case"] == case], 30 + index * height)
             for index, case in enumerate(cases)]  # fmt: skip
    total = 30 + len(cases) * height
    key = "".join(
        f'<rect class="{kind} cell" x="{LEFT + 110 * index}" y="12" width="{CELL}" height="11"/>'
        f'<text x="{LEFT + 110 * index + 15}" y="22">{name}</text>'
        for index, (name, kind) in enumerate((*list(KINDS.items())[:3], ("doorbell, interrupt", "s3")))
    )
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" role="img" aria-label="cycles">'
            f'<style>{STYLE} .cell {{ fill: var(--c) }}</style><rect class="page" width="{width}" height="{total}"/>'
            f"{key}{''.join(parts)}</svg>\n")  # fmt: skip


def _diagram(case: str, rows: Sequence[Row], top: int) -> str:
    parts = [f'<text class="title" x="{LEFT}" y="{top + 20}">{escape(case)}</text>']
    for lane, channel in enumerate(CHANNELS):
        y = top + TITLE + lane * LANE
        parts.append(f'<text x="{LEFT - 8}" y="{y + 10}" text-anchor="end">{channel.upper()}</text>')
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + len(rows) * CELL}" y1="{y + 12}" y2="{y + 12}"/>')
        for cycle, row in enumerate(rows):
            if row[channel]:
                shape = f'x="{LEFT + cycle * CELL}" y="{y + 1}" width="{CELL - 1}" height="11"'
                told = f"<title>cycle {cycle}: {row[channel]}</title>"
                parts.append(f'<rect class="{KINDS[row[channel]]} cell" {shape}>{told}</rect>')
    y = top + TITLE + len(CHANNELS) * LANE + 14
    ticks = (f'<text x="{LEFT + cycle * CELL}" y="{y}">{cycle}</text>' for cycle in range(0, len(rows), 10))
    return "".join([*parts, *ticks])
