"""The bench of the core, on the model: that it runs, and that its rows add up. Its figures are the simulator's."""

from __future__ import annotations

from typing import Any

import pytest

from sgdma.bench.core import run
from sgdma.bench.core.grid import GRIDS, LATENCIES, Point, points
from sgdma.bench.core.measure import limit
from sgdma.errors import UsageError

FIELDS = {"data_width", "direction", "segment_size", "segments_per_request", "latency", "in_flight", "queues",
          "cycles_per_segment", "utilisation", "bytes_per_cycle"}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return run("guard", target="model:?rules=aligned64&crc=0")


def test_a_row_says_what_was_measured_and_how(rows: list[dict[str, Any]]) -> None:
    assert len(rows) == len([point for point in points("guard") if point.data_width == 64])
    for row in rows:
        assert row.keys() >= FIELDS
        assert row["method"] in ("whole", "steady")
        assert row["rules"] == "aligned64"


def test_a_single_request_tells_what_its_latency_is_made_of(rows: list[dict[str, Any]]) -> None:
    singles = [row for row in rows if row["in_flight"] == 1]
    assert {row["direction"] for row in singles} == {"h2c", "c2h"}
    for row in singles:
        parts = [row[name] for name in ("doorbell_to_data", "data_to_completion", "completion_to_interrupt")]
        assert all(0 <= part < 1000 for part in parts)


def test_what_the_bus_allows_is_payload_descriptors_and_records() -> None:
    assert limit(Point(64, "h2c", 64, 1, 1, 64, 1)) == (8 + 4, 4)
    assert limit(Point(64, "c2h", 64, 32, 1, 64, 1)) == (2 + 2 / 32, 8 + 4 / 32)
    assert limit(Point(512, "both", 4, 32, 1, 64, 1)) == (1 + 0.5 + 0.5 / 32, 1 + 2 / 32)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_grid_names_each_point_once_and_builds_one_simulator_after_the_other(grid: str) -> None:
    found = points(grid)
    assert len(set(found)) == len(found)
    builds = [(point.data_width, point.rules) for point in found]
    assert len([build for build, before in zip(builds, [None, *builds], strict=False) if build != before]) == len(
        set(builds)
    )
    assert {point.latency for point in found} <= set(LATENCIES)


def test_an_unknown_grid_is_told() -> None:
    with pytest.raises(UsageError, match="grid 'huge': unknown; there are guard, published, full"):
        points("huge")
