"""What a port may be, and which board is found behind it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from sgdma.errors import LinkError
from sgdma.link import open_link
from sgdma.link.boards import BoardEnd, BoneBoard, Memory, ReliableBoard
from sgdma.link.line import Line

WORDS, KNOWN = 1024, 0x5347444D


class SocketBoard:
    """A board behind a TCP port, one connection after the other."""

    def __init__(self, board: BoardEnd) -> None:
        self._server, self._board = socket.create_server(("127.0.0.1", 0)), board
        self.port = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while True:
                connection = self._server.accept()[0]
                with connection:
                    while data := connection.recv(4096):
                        connection.sendall(self._board.feed(data, time.monotonic()))
        except OSError:
            return

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)


@pytest.fixture
def memory() -> Memory:
    made = Memory(WORDS + 1)
    made.words[WORDS] = KNOWN
    return made


@pytest.fixture(params=["reliable", "bone"])
def served(request: pytest.FixtureRequest, memory: Memory) -> Iterator[tuple[str, SocketBoard]]:
    board = SocketBoard(ReliableBoard(memory) if request.param == "reliable" else BoneBoard(memory))
    yield request.param, board
    board.close()


def test_a_board_behind_a_socket_is_told_by_what_it_answers(served: tuple[str, SocketBoard], memory: Memory) -> None:
    """The rate of the line is not the host's to choose there."""
    kind, board = served
    with open_link(board.port, None, 1.0, sentinel=(4 * WORDS, KNOWN)) as link:
        assert link.quality().kind == kind
        link.write(0, range(WORDS))
        assert link.read(0, WORDS).tolist() == list(range(WORDS))
    assert memory.words[:WORDS].tolist() == list(range(WORDS))


def test_a_link_that_is_asked_for_and_not_there_is_an_error(memory: Memory) -> None:
    with Line(BoneBoard(memory)) as line, pytest.raises(LinkError, match="no reliable link answers within"):
        open_link(line.port, 1_000_000, 0.3, "reliable")


def test_closing_waits_for_the_last_writes(memory: Memory) -> None:
    with Line(ReliableBoard(memory, base=3_000_000), latency=0.02) as line:
        with open_link(line.port, 3_000_000, 1.0) as link:
            link.write(0, range(WORDS))
        assert memory.words[:WORDS].tolist() == list(range(WORDS))
