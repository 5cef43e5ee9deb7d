"""Bytes a cycle over segment size, both directions, against what the memory bus allows: `--target` says of what."""

from __future__ import annotations

from typing import Any

from sgdma.engine.device import open_dma
from sgdma.run.measure import measure

__all__ = ["run"]


def run(target: str = "sim:") -> list[dict[str, Any]]:
    """One row a direction and segment size; times are cycles of the device."""
    with open_dma(target, arena=16 << 20) as dma:
        return measure(dma)
