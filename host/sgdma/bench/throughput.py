"""Bytes a cycle over segment size, both directions, against what the memory bus allows: `--target` says of what."""

from __future__ import annotations

from typing import Any

import sgdma
from sgdma.run.measure import measure

__all__ = ["run"]


def run(target: str = "sim:") -> list[dict[str, Any]]:
    """One row a direction and segment size; times are cycles of the device."""
    with sgdma.open(target, arena=16 << 20) as dma:
        return measure(dma)
