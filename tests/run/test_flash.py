"""Loading a board in its slot: whatever is wrong with the bitstream is said before the bus is touched."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sgdma.errors import StaleBitstream, UsageError
from sgdma.paths import checkout_root
from sgdma.run import boards as known
from sgdma_soc.standalone import source_digest

CARD = "0000:01:00.0"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to bus and board, in order."""
    told: list[str] = []

    def reload(address: str, load: Callable[[], object]) -> None:
        told.append(f"off {address}")
        load()
        told.append("back")

    monkeypatch.setattr(known, "reload", reload)
    monkeypatch.setattr(known, "_load", lambda loader, bitstream, keep: told.append(f"load {bitstream.name}"))
    return told


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """The directory of an acorn's build of this checkout."""
    record = {"board": "acorn", "sources_digest": source_digest(checkout_root(), "acorn"), "bitstream": "card.bit"}
    (tmp_path / "build.json").write_text(json.dumps(record))
    (tmp_path / "card.bit").touch()
    return tmp_path


def loadable(monkeypatch: pytest.MonkeyPatch, loader: str) -> None:
    card = dataclasses.replace(known.board("acorn"), loader=loader)
    monkeypatch.setattr(known, "board", lambda name: card)


def test_the_function_is_off_the_bus_while_its_board_is_loaded(
    done: list[str], build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loadable(monkeypatch, "acorn")
    assert known.flash_in_slot("acorn", CARD, build) == build / "card.bit"
    assert done == [f"off {CARD}", "load card.bit", "back"]


def test_what_can_not_be_loaded_leaves_the_bus_alone(
    done: list[str], build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no PCIe board"):
        known.flash_in_slot("ulx3s", CARD, build)
    loadable(monkeypatch, "")
    with pytest.raises(UsageError, match=f"with your vendor's tool: {build / 'card.bit'}"):
        known.flash_in_slot("acorn", CARD, build)
    loadable(monkeypatch, "acorn")
    (build / "card.bit").unlink()
    with pytest.raises(UsageError, match="no bitstream"):
        known.flash_in_slot("acorn", CARD, build)
    (build / "build.json").write_text(json.dumps({"board": "acorn", "sources_digest": "0"}))
    with pytest.raises(StaleBitstream):
        known.flash_in_slot("acorn", CARD, build)
    assert done == []
