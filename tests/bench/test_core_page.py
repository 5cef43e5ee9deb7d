"""Bars, chart and page of the core's bench, from rows made up for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sgdma.bench.core.bars import bars
from sgdma.bench.core.chart import chart
from sgdma.bench.core.page import renew
from sgdma.bench.cycles import CHANNELS
from sgdma.bench.cycles import chart as cycle_chart
from sgdma.errors import UsageError

BEGIN, END = "<!-- core: made by `sgdma bench core --docs` -->", "<!-- core: end -->"


def row(**values: Any) -> dict[str, Any]:
    made = {"data_width": 64, "direction": "c2h", "segment_size": 64, "segments_per_request": 32, "latency": 1,
            "in_flight": 64, "queues": 1, "cycles_per_segment": 8.125, "utilisation": 1.0, "of_limit": 1.0,
            "bytes_per_cycle": 7.9, "r_utilisation": 0.3, "w_utilisation": 1.0, "cycles": 100,
            "descriptor_bytes_per_segment": 16.5}  # fmt: skip
    return made | values


def test_the_worst_row_decides_a_bar() -> None:
    found = {bar.what: bar for bar in bars([row(), row(latency=256, w_utilisation=0.9, cycles_per_segment=9.0)])}
    busy, cycles = found["C2H, 64 B and more, up to 256 bit: W busy"], found["C2H, 64 bit, 64 B: cycles a segment"]
    assert (busy.found, busy.reached, busy.where) == (0.9, False, "64 bit c2h, 64 B, latency 256")
    assert (cycles.found, cycles.reached) == (9.0, False)
    assert all(bar.reached for bar in bars([row()]))


def test_growth_compares_rows_that_differ_in_load_alone() -> None:
    rows = [row(in_flight=64), row(in_flight=4096, cycles_per_segment=8.25), row(latency=16, cycles_per_segment=99)]
    (bar,) = [bar for bar in bars(rows) if "slowest over fastest" in bar.what]
    assert bar.found == pytest.approx(8.25 / 8.125, abs=1e-3)
    assert not bar.reached


def test_latencies_of_one_request_are_told_beyond_memorys() -> None:
    single = row(segments_per_request=1, in_flight=1, latency=16, doorbell_to_data=24, data_to_completion=7,
                 completion_to_interrupt=4)  # fmt: skip
    found = {bar.what.split(": ")[1]: bar.found for bar in bars([single]) if bar.what.startswith("one C2H")}
    assert list(found.values()) == [8, 7, 4]


def test_the_charts_are_well_formed() -> None:
    rows = [row(segment_size=size, direction=way) for size in (64, 4096) for way in ("h2c", "c2h")]
    ElementTree.fromstring(chart(rows))
    ElementTree.fromstring(cycle_chart([{"case": "a & b", "cycle": 0} | dict.fromkeys(CHANNELS, "")]))


def test_the_page_is_renewed_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n{BEGIN}\nold\n{END}\nafter\n")
    renew(tmp_path, [row()])
    text = page.read_text()
    assert text.startswith(f"# Before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| 64 B | 8.12 (100%) |" in text
    assert (tmp_path / "performance-core.svg").exists()


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text("mine")
    with pytest.raises(UsageError, match="has no lines"):
        renew(tmp_path, [row()])
    assert (tmp_path / "performance.md").read_text() == "mine"
