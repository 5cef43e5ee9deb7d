"""One row: bulk both ways, one register, and what of the data is damaged on a line that loses bytes."""

from __future__ import annotations

import sys
import time
from statistics import quantiles
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sgdma.bench.uart.rig import Rig
from sgdma.errors import LinkError
from sgdma.link import open_link
from sgdma.paths import checkout_root

__all__ = ["measure"]

SIZE = 1 << 16
"""Words of bulk."""
PASSES, RUNS = 2, 2
"""Writes of all words before it is waited for them, and runs of everything."""
SINGLES = 41
"""Reads of one register; the quick quarter tells, as the machine has other work."""
REGISTER = (6 + 4, 14 + 14 + 4 + 4 + 4)
"""Bytes on the wire of a register's request and answer, UARTBone's and the reliable link's."""
PIECE, PIECES = 64, 150
"""Words written and read back at once while bytes are lost, and how often."""


class Access(Protocol):
    """What is measured."""

    def read(self, address: int, count: int) -> Any:
        """Words."""

    def write(self, address: int, values: Any) -> None:
        """Words."""

    def close(self) -> None:
        """The end."""


def measure(link: str, baud: int, latency_ms: int) -> dict[str, Any]:
    """A row. `link`: ``reliable``, ``bone`` or ``commuart``."""
    sys.path.insert(0, str(checkout_root() / "cocotb_tests"))
    row: dict[str, Any] = {"link": link, "baud": baud, "latency_ms": latency_ms}
    with Rig(link != "reliable", latency_ms / 1000) as line:
        access = _opened(link, line.port, baud, verify=False)
        row |= _bulk(access, line, baud) | _single(access, link, baud, latency_ms)
        access.close()
    with Rig(link != "reliable", latency_ms / 1000) as line:
        access = _opened(link, line.port, baud, verify=True)
        row |= _lossy(access, line)
        access.close()
    return row


def _opened(link: str, port: str, baud: int, verify: bool) -> Access:
    from serial_boards.commuart import CommUart
    from serial_boards.design import KNOWN, WORDS

    if link == "commuart":
        made: Access = CommUart(port, baud)
        return made
    return open_link(port, baud, 3.0, link, verify, (8 * WORDS, KNOWN))


def _bulk(access: Access, line: Rig, baud: int) -> dict[str, float]:
    """The better of some runs, way by way: the machine has other work."""
    runs = [_bulk_once(access, line, baud) for _ in range(RUNS)]
    return {name: max(run[name] for run in runs) for name in runs[0]}


def _bulk_once(access: Access, line: Rig, baud: int) -> dict[str, float]:
    words = np.random.default_rng(1).integers(0, 2**32, SIZE, np.uint32)
    access.read(0, 1)
    carried, begin = line.carried(), time.monotonic()
    for _ in range(PASSES):
        access.write(0, words)
    access.read(0, 1)  # behind the last write
    written, down = time.monotonic() - begin, line.carried()[0] - carried[0]
    carried, begin = line.carried(), time.monotonic()
    got = np.asarray(access.read(0, SIZE), np.uint32)
    read, up = time.monotonic() - begin, line.carried()[1] - carried[1]
    if not np.array_equal(got, words):
        raise AssertionError("what was read is not what was written")
    capacity, sent = baud / 10, PASSES * words.nbytes
    return {
        "write": round(sent / written / capacity, 4), "read": round(words.nbytes / read / capacity, 4),
        "write_kb_s": round(sent / written / 1000, 2), "read_kb_s": round(words.nbytes / read / 1000, 2),
        "write_bytes": round(sent / down, 4), "read_bytes": round(words.nbytes / up, 4),
    }  # fmt: skip


def _single(access: Access, link: str, baud: int, latency_ms: int) -> dict[str, float]:
    times = []
    for _ in range(SINGLES):
        begin = time.monotonic()
        access.read(0, 1)
        times.append(time.monotonic() - begin)
    turn = latency_ms / 1000 + REGISTER[link == "reliable"] * 10 / baud
    quick = quantiles(times)[0]
    return {"register_ms": round(1000 * quick, 3), "turn_arounds": round(quick / turn, 3)}


def _lossy(access: Access, line: Rig) -> dict[str, int]:
    """Pieces written and read back: words that are wrong, pieces that ended with an error, or never."""
    chance = np.random.default_rng(2)
    line.lose_bytes()
    damaged = failed = 0
    for place in range(PIECES):
        words = chance.integers(0, 2**32, PIECE, np.uint32)
        got = _there_and_back(access, 4 * PIECE * place, words)
        failed += got is None
        damaged += 0 if got is None else int(np.count_nonzero(got != words))
    return {"lost_bytes": line.lost(), "damaged": damaged, "failed": failed, "words": PIECE * PIECES}


def _there_and_back(access: Access, address: int, words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32] | None:
    from serial_boards.commuart import Hung

    try:
        access.write(address, words)
        return np.asarray(access.read(address, len(words)), np.uint32)
    except (LinkError, Hung):
        return None
