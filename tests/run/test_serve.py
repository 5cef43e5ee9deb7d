"""`sgdma serve` and `sgdma build` up to where something is built."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sgdma.cli import app
from sgdma.errors import UsageError
from sgdma.pcie.server import make_room


def sgdma_says(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize(("words", "told"), [
    (("serve", "--uart", "--name"), "is no symbolic link"),
    (("serve", "--pcie"), "is no socket"),
])  # fmt: skip
def test_what_is_in_the_way_is_kept(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    notes, folder = tmp_path / "notes.txt", tmp_path / "folder"
    notes.write_text("mine")
    folder.mkdir()
    for path in (notes, folder):
        code, text = sgdma_says(*words, str(path))
        assert code == 2
        assert told in text
    assert notes.read_text() == "mine"
    assert folder.is_dir()


@pytest.mark.parametrize(("words", "told"), [
    (("serve", "--uart", "--log", "f"), "--log has no meaning with --uart"),
    (("serve", "--uart", "--clients", "3"), "--clients has no meaning with --uart"),
    *((("serve", "--pcie", "x", *more), f"{more[0]} has no meaning with --pcie") for more in (
        ("--link", "reliable"), ("--cpu",), ("--no-cpu",), ("--dram",), ("--tcp", "0"), ("--name", "y"))),
    (("build", "acorn", "--no-compile", "--cpu"), "--cpu has no meaning for acorn, a PCIe board"),
    (("build", "acorn", "--no-compile", "--link", "uartbone"), "--link has no meaning for acorn"),
])  # fmt: skip
def test_what_would_be_ignored_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = sgdma_says(*words)
    assert code == 2
    assert told.replace("--no-cpu", "--cpu") in text
    assert not list(tmp_path.iterdir())


def test_the_socket_of_an_ended_server_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "board.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)
        with pytest.raises(UsageError, match="a server is there already"):
            make_room(path)
    make_room(path)
    assert not path.exists()
    make_room(path)
