"""Cycle-exact regression guard of the core: no row of the guard's grid may get worse."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from sgdma.bench.core import run
from sgdma.bench.core.grid import Point, points

TABLE = Path(__file__).with_name("core_guard.json")
RENEW = f"sgdma bench core --grid guard --json {TABLE.relative_to(Path(__file__).parents[2])}"
SHAPE = tuple(Point.__dataclass_fields__)
FIGURES = ("cycles_per_segment", "doorbell_to_data", "data_to_completion", "completion_to_interrupt")
SLACK = 1.002
"""Of a rate in the steady state: its window may cut one fetch of descriptors more or less. All else is exact."""


def by_shape(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in SHAPE): row for row in rows}


def compare(stored: list[dict[str, Any]], measured: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """(what got worse, what got better), a line a figure."""
    worse, better = [], []
    found = by_shape(measured)
    for shape, row in by_shape(stored).items():
        for name in FIGURES:
            if name not in row:
                continue
            was, now, slack = row[name], found[shape][name], SLACK if row["method"] == "steady" else 1
            line = f"{dict(zip(SHAPE, shape, strict=True))}: {name} was {was}, is {now}"
            if now > was * slack:
                worse.append(line)
            elif now * slack < was:
                better.append(line)
    return worse, better


def test_what_got_worse_and_what_got_better_are_told_apart() -> None:
    shape = dict.fromkeys(SHAPE, 1) | {"method": "whole"}
    stored = [shape | {"cycles_per_segment": 8.0, "doorbell_to_data": 30}]
    assert compare(stored, [shape | {"cycles_per_segment": 8.0, "doorbell_to_data": 30}]) == ([], [])
    worse, better = compare(stored, [shape | {"cycles_per_segment": 8.1, "doorbell_to_data": 20}])
    assert "cycles_per_segment was 8.0, is 8.1" in worse[0]
    assert "doorbell_to_data was 30, is 20" in better[0]


def test_the_stored_table_is_of_the_guards_grid() -> None:
    stored = by_shape(json.loads(TABLE.read_text())["rows"])
    assert set(stored) == {tuple(getattr(point, name) for name in SHAPE) for point in points("guard")}, RENEW
    assert len({(point.data_width, point.rules) for point in points("guard")}) <= 2, "more than two simulators"


@pytest.mark.sim
def test_no_row_is_worse_than_the_stored_one() -> None:
    worse, better = compare(json.loads(TABLE.read_text())["rows"], run("guard"))
    assert not worse, "\n".join(["the core needs more cycles than the stored table says:", *worse,
                                 f"if that is meant, renew the table: {RENEW}"])  # fmt: skip
    if better:
        warnings.warn("\n".join(["the core got better; renew the table: " + RENEW, *better]), stacklevel=1)
