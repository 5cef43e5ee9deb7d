"""AXI conformance of the whole core, witnessed by cocotbext-axi."""

from __future__ import annotations

import pytest

from sgdma.spec.build import BuildParameters

from .run import run_witness

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("width", [64])
def test_cocotbext_axi_finds_nothing_and_data_comes_back(width: int) -> None:
    """Misaligned traffic with 256 requests in flight and pauses on all five channels."""
    figures = run_witness(BuildParameters(rules="unrestricted", data_width=width), size=32768, pauses=True)
    assert figures["bytes"] == 32768
