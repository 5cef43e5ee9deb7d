"""A board's file is a user's: what is wrong in it is told with the board, the field and the remedy."""

from __future__ import annotations

import dataclasses
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sgdma_soc.boards as registry
from sgdma.cli import app
from sgdma.errors import BoardFileError
from sgdma.paths import checkout_root
from sgdma.run import boards as known
from sgdma.spec.build import BuildParameters
from sgdma_soc.standalone import source_digest

ROOT = checkout_root()
GOOD = """
from litex_boards.platforms import radiona_ulx3s
from litex_boards.targets.radiona_ulx3s import _CRG
from sgdma_soc.boards import Board
BOARD = Board(name="mine", title="Mine", fpga="an FPGA with a long name", clock_hz=45_000_000, clock=_CRG,
              platform=lambda: radiona_ulx3s.Platform(device="LFE5U-45F", toolchain="trellis"))
"""
Add = Callable[[str], None]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Add:
    """Makes a board `mine` of a file's text."""

    def write(text: str) -> None:
        (tmp_path / "mine.py").write_text(text)
        monkeypatch.setattr(registry, "__path__", [*registry.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, f"{registry.__name__}.mine", raising=False)

    monkeypatch.setitem(sys.modules, f"{registry.__name__}.mine", None)  # so that what was there is put back
    return write


def says(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize(("text", "told"), [
    ("import nosuchmodule", "imports nosuchmodule, which isn't there; mend the import, or install"),
    ("BOARD = 1 / 0", "can't be loaded (ZeroDivisionError: division by zero); mend it"),
    ("", "can't be loaded (AttributeError"),
    ("BOARD = 'ulx3s'", "BOARD in boards/mine.py is 'ulx3s'; make it a sgdma_soc.boards.Board"),
    (GOOD.replace('name="mine"', 'name="other"'), "name='other' in boards/mine.py; make it the file's, 'mine'"),
    (GOOD.replace("clock=_CRG", "clok=_CRG"), "(TypeError: Board.__init__() got an unexpected keyword"),
])  # fmt: skip
def test_a_wrong_file_is_told_and_the_other_boards_are_listed(add: Add, text: str, told: str) -> None:
    add(text)
    code, said = says("boards")
    assert code == 0
    assert "board mine: " in said
    assert told in said
    assert "ulx3s" in said
    code, said = says("build", "mine")
    assert code == 2
    assert told in said


@pytest.mark.parametrize(("wrong", "right", "told"), [
    ("clock=_CRG", "clock=lambda platform: _CRG(platform, 1)", "its clock fails (TypeError"),
    ("clock=_CRG", "clock=lambda platform, hz: platform.request('nope')",
     "its clock fails (ConstraintError: Resource not found: nope:None); it is called with platform and Hz"),
    ('title="Mine"', 'title="Mine", serial="nope"',
     "its serial fails (ConstraintError: Resource not found: nope:None); name a port that LiteX's platform has"),
    ("device=", "devise=", "its platform fails (TypeError"),
])  # fmt: skip
def test_a_field_that_does_not_work_is_named(add: Add, tmp_path: Path, wrong: str, right: str, told: str) -> None:
    assert wrong in GOOD
    add(GOOD.replace(wrong, right))
    options = known.chosen(known.board("mine"), BuildParameters(), cpu=False)
    with pytest.raises(BoardFileError, match=f"board mine: {re.escape(told)}.*mend boards/mine.py"):
        known.build("mine", BuildParameters(), options, compile=False, output=tmp_path / "build")


def test_a_board_without_a_loader_is_built(add: Add, tmp_path: Path) -> None:
    """It is only flashing that needs one."""
    add(GOOD)
    chosen = BuildParameters(queues=1)
    options = known.chosen(known.board("mine"), chosen, cpu=False)
    told = known.build("mine", chosen, options, compile=False, output=tmp_path / "build")
    assert told["board"] == "mine"


def test_another_boards_file_makes_no_bitstream_stale(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "soc" / "sgdma_soc", tmp_path / "soc" / "sgdma_soc")
    shutil.copytree(ROOT / "rtl", tmp_path / "rtl")
    before = {board: source_digest(tmp_path, board) for board in ("arty", "ulx3s", "")}
    with (tmp_path / "soc" / "sgdma_soc" / "boards" / "arty.py").open("a") as file:
        file.write("\n")
    changed = {board for board, digest in before.items() if source_digest(tmp_path, board) != digest}
    assert changed == {"arty"}
    with (tmp_path / "soc" / "sgdma_soc" / "boards" / "__init__.py").open("a") as file:
        file.write("\n")
    assert all(source_digest(tmp_path, board) != digest for board, digest in before.items())


def test_nothing_of_a_board_is_cut_off_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = CliRunner().invoke(app, ["boards"]).output
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("kind", [registry.Board, registry.Dram])
def test_every_field_is_documented(kind: Any) -> None:
    page = (ROOT / "docs" / "bring-up.md").read_text()
    fields = {field.name for field in dataclasses.fields(kind)}
    assert fields == {name for name in fields if f"| `{name}` |" in page}
