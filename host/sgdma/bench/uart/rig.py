"""Board and line of one measurement, in a process of their own: what is measured shares no interpreter with them."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from sgdma.link.faults import Faults
from sgdma.link.line import Line
from sgdma.paths import checkout_root

__all__ = ["SPACING", "Rig"]

SPACING = 8000
"""Bytes between two that are lost, on the average, each way, when bytes are lost."""


class Rig:
    """A context manager; `port` is the line's. `latency`: seconds."""

    def __init__(self, bone: bool, latency: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, bone, latency), daemon=True)
        self._process.start()
        theirs.close()
        self.port: str = self._pipe.recv()

    def carried(self) -> tuple[int, int]:
        """Bytes that have crossed, to the board and to the host."""
        down, up = self._ask("carried")
        return down, up

    def lose_bytes(self) -> None:
        """From now on the line loses one now and then."""
        self._ask("lose")

    def lost(self) -> int:
        """How many it has lost."""
        return int(self._ask("lost"))

    def _ask(self, what: str) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ask("end")
        self._process.join(10)


def _serve(pipe: Connection, bone: bool, latency: float) -> None:
    sys.path.insert(0, str(checkout_root() / "cocotb_tests"))
    from serial_boards.gateware import GatewareBoard

    down, up = (Faults(way, SPACING, ("lose",)) for way in ("down", "up"))
    with GatewareBoard(bone) as board, Line(board, latency) as line:
        pipe.send(line.port)
        while (what := pipe.recv()) != "end":
            if what == "lose":
                line.down.faults, line.up.faults = down, up
            told = {"carried": (line.down.moved, line.up.moved), "lost": down.counts["lose"] + up.counts["lose"]}
            pipe.send(told.get(what))
    pipe.send(None)
