"""`sgdma serve` up to where the simulator starts."""

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
