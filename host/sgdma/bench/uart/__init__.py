"""A serial board: the reliable link, our side of UARTBone and LiteX's CommUART, in one run over an emulated line.

Boards are gateware in Verilator; the line has a rate and the turn-around of USB adapters. Efficiency is payload over
the bytes that the wire could have carried meanwhile, turn-arounds included. While the line loses a byte
now and then, `damaged` words read back wrong, and `failed` pieces ended with an error, or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sgdma.bench.uart.bars import bars
from sgdma.bench.uart.measure import measure
from sgdma.paths import checkout_root
from sgdma.run.page import replace_section, table

__all__ = ["SHOWN", "document", "run"]

SHOWN = ("link", "baud", "latency_ms", "write", "read", "turn_arounds", "lost_bytes", "damaged", "failed")
BAUDS, LATENCIES = (1_000_000, 3_000_000), (1, 16)
LINKS = ("reliable", "bone", "commuart")


def run() -> list[dict[str, Any]]:
    """A row a link, rate and turn-around."""
    return [measure(link, baud, latency) for baud in BAUDS for latency in LATENCIES for link in LINKS]


def document(rows: Sequence[dict[str, Any]]) -> None:
    """Renew the figures in docs/link.md."""
    head = ("link", "Mbaud", "adapter", "bulk write", "bulk read", "one register", "turn-arounds", "bytes lost",
            "words wrong", "pieces failed")  # fmt: skip
    names = {"reliable": "reliable", "bone": "UARTBone, ours", "commuart": "UARTBone, CommUART"}
    lines = table(head, (
        (names[row["link"]], f"{row['baud'] / 1e6:g}", f"{row['latency_ms']} ms",
         f"{row['write_kb_s']:.0f} kB/s ({row['write']:.1%})", f"{row['read_kb_s']:.0f} kB/s ({row['read']:.1%})",
         f"{row['register_ms']:.1f} ms", f"{row['turn_arounds']:.2f}",
         row["lost_bytes"], f"{row['damaged']} of {row['words']}", row["failed"]) for row in rows))  # fmt: skip
    verdicts = table(("what", "bar", "worst", "where", ""), (
        (bar.what, f"{'at most' if bar.most else 'at least'} {bar.limit:g}", f"{bar.found:.4g}", bar.where,
         "reached" if bar.reached else "**not reached**") for bar in bars(rows)))  # fmt: skip
    replace_section(checkout_root() / "docs" / "link.md", "uart", "\n".join([*verdicts, "", *lines, ""]))
