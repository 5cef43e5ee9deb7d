"""The comparison with LitePCIe's DMA."""

from __future__ import annotations

import pytest

from sgdma.bench.core.grid import Point
from sgdma.bench.litepcie import _measured


@pytest.mark.deep
def test_litepcie_moves_what_its_engine_allows() -> None:
    pytest.importorskip("litepcie")
    row = _measured(Point(64, "c2h", 64, 32, 16, 64, 1))
    assert row["cycles_per_segment"] == pytest.approx(11, abs=0.01)
