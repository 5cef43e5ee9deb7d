"""Efficiency at TLP level: cycles for 4 KiB behind PCIe, beside the limit that headers leave, and LitePCIe's DMA.

MPS 256, MRRS 512, memory that answers in order after 64 cycles. The limit is the beats that the payload's packets take
on the stream, headers included: writes of 256 bytes one way, completions of 256 bytes the other. Ours fetches its
lists, writes records and is rung by the host over the same streams; LitePCIe's descriptors come from the chip.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from sgdma.bench import core
from sgdma.bench.core.grid import Point
from sgdma.paths import checkout_root
from sgdma.run.page import replace_section, table

__all__ = ["SHOWN", "document", "limit", "run"]

SHOWN = ("data_width", "direction", "limit", "cycles_per_segment", "of_limit", "litepcie", "litepcie_of_limit")
WIDTHS, WAYS = (64, 128, 256), ("h2c", "c2h", "both")
MPS, MRRS, SEGMENT, LATENCY = 256, 512, 4096, 64
HEADER = 3  # dwords of a completion's header, and of a write's below 4 GiB


def limit(data_width: int, direction: str) -> int:
    """Beats that a segment's packets take at least; both ways, writes share their stream with read requests."""
    payload = SEGMENT // MPS * -(-(MPS // 4 + HEADER) * 32 // data_width)
    requests = SEGMENT // MRRS * -(-HEADER * 32 // data_width)
    return payload + (requests if direction == "both" else 0)


def run() -> list[dict[str, Any]]:
    """One row a width and direction; `both`: cycles in which a segment moves each way, LitePCIe's has one way only."""
    rows = []
    for width in WIDTHS:
        wanted = [Point(width, way, SEGMENT, 32, LATENCY, 64, 1) for way in WAYS]
        rules = wanted[0].rules
        url = f"sim:pcie?rules={rules}&data_width={width}&crc=0&mps={MPS}&mrrs={MRRS}"
        rows += [_row(row) for row in core.measured(wanted, url)]
    return rows


def document(rows: Sequence[dict[str, Any]]) -> None:
    """Renew the table in docs/pcie-gateware.md."""
    lines = table(
        ("bit", "direction", "limit", "sgdma", "of the limit", "LitePCIe", "of the limit"),
        ((row["data_width"], row["direction"], row["limit"],
          f"{row['cycles_per_segment']:.4g}", f"{row['of_limit']:.1%}",
          *((f"{row['litepcie']:.4g}", f"{row['litepcie_of_limit']:.1%}") if row["litepcie"] else ("", "")))
         for row in rows))  # fmt: skip
    replace_section(checkout_root() / "docs" / "pcie-gateware.md", "pcie", "\n".join([*lines, ""]))


def _row(ours: dict[str, Any]) -> dict[str, Any]:
    width, way = ours["data_width"], ours["direction"]
    most = limit(width, way)
    cycles = ours["cycles_per_segment"]
    theirs = _litepcie(width, way == "h2c") if way != "both" else None
    return {"data_width": width, "direction": way, "segment_size": SEGMENT, "mps": MPS, "mrrs": MRRS,
            "latency": LATENCY, "limit": most, "cycles_per_segment": cycles, "of_limit": round(most / cycles, 4),
            "litepcie": theirs, "litepcie_of_limit": theirs and round(most / theirs, 4)}  # fmt: skip


def _litepcie(width: int, reads: bool) -> float:
    sys.path.insert(0, str(checkout_root() / "cocotb_tests"))
    from peers.litepcie import WINDOW, measure

    payload, _ = measure(width, reads, SEGMENT, LATENCY, MPS)
    return float(round(WINDOW * (SEGMENT * 8 / width) / payload, 4))
