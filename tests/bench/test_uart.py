"""The bench of the serial links: its bars can be missed, its page is made of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sgdma.bench import uart
from sgdma.bench.uart.bars import bars
from sgdma.bench.uart.measure import measure

GOOD = {"reliable": (0.98, 0.98, 290.0, 290.0), "commuart": (0.5, 0.15, 150.0, 45.0)}


def rows(**changed: Any) -> list[dict[str, Any]]:
    """One row a link at 3 Mbaud and 16 ms; `changed` fields are those of the reliable one."""
    names = ("write", "read", "write_kb_s", "read_kb_s")
    made = [dict(zip(names, figures, strict=True)) | {
        "link": link, "baud": 3_000_000, "latency_ms": 16, "register_ms": 17.0, "turn_arounds": 1.1, "lost_bytes": 5,
        "damaged": 0, "failed": 0, "words": 9600} for link, figures in GOOD.items()]  # fmt: skip
    made[0] |= changed
    return made


def test_the_bars_are_reached_by_rows_that_are_good() -> None:
    assert all(bar.reached for bar in bars(rows()))


@pytest.mark.parametrize("worse", [{"write": 0.94}, {"read": 0.94}, {"turn_arounds": 2.0}, {"read_kb_s": 200.0},
                                   {"write_kb_s": 160.0}, {"damaged": 1}, {"failed": 1}])  # fmt: skip
def test_each_bar_can_be_missed(worse: dict[str, Any]) -> None:
    assert sum(not bar.reached for bar in bars(rows(**worse))) == 1


def test_the_page_names_every_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "link.md"
    page.write_text("<!-- uart: made by `sgdma bench uart --docs` -->\n<!-- uart: end -->\n")
    monkeypatch.setattr(uart, "checkout_root", lambda: tmp_path)
    uart.document(rows())
    assert "| reliable | 3 | 16 ms | 290 kB/s (98.0%)" in page.read_text()


@pytest.mark.deep
def test_the_reliable_link_reaches_its_bars_beside_commuart() -> None:
    measured = [measure(link, 3_000_000, 16) for link in ("reliable", "commuart")]
    missed = [bar for bar in bars(measured) if not bar.reached]
    assert not missed
