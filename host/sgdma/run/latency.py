"""How long requests took: from the doorbell to the completion record, in device cycles, out of a transaction log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sgdma.errors import RunDirectoryError
from sgdma.rules import Direction

__all__ = ["histogram", "latencies"]

I64 = npt.NDArray[np.int64]
PER_OCTAVE = 4


def latencies(path: Path) -> dict[str, I64]:
    """Cycles of every request whose doorbell and completion are in the log, by direction."""
    found: dict[str, list[int]] = {direction.name: [] for direction in Direction}
    offset = 0
    written: dict[int, dict[int, int]] = {}  # queue: tag -> opcode, not rung yet
    rung: dict[tuple[int, int], tuple[int, int]] = {}  # (queue, tag): time, opcode
    for event in _events(path):
        queue = event.get("queue", -1)
        match event["event"]:
            case "session":
                offset = event["clock_offset"]
            case "test":
                written, rung = {}, {}
            case "submit":
                written.setdefault(queue, {}).update(zip(event["tags"], event["opcodes"], strict=True))
            case "ring":
                rung |= {(queue, tag): (event["time"], opcode) for tag, opcode in written.pop(queue, {}).items()}
            case "complete":
                for tag, stamp in zip(event["tags"], event["timestamps"], strict=True):
                    began, opcode = rung.pop((queue, tag), (None, 0))
                    if began is not None and opcode in (Direction.H2C, Direction.C2H):
                        found[Direction(opcode).name].append(stamp - offset - began)
    return {name: np.array(cycles, np.int64) for name, cycles in found.items() if cycles}


def histogram(cycles: I64) -> tuple[list[float], list[int]]:
    """(edges, counts) in bins of equal ratio, four an octave; the first and the last are empty."""
    positive = np.maximum(cycles, 1)
    low = np.floor(np.log2(positive.min()) * PER_OCTAVE) - 1
    high = np.floor(np.log2(positive.max()) * PER_OCTAVE) + 2
    edges = 2 ** (np.arange(low, high + 1) / PER_OCTAVE)
    counts, _ = np.histogram(positive, edges)
    return edges.tolist(), counts.tolist()


def _events(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise RunDirectoryError(f"{path}:{number}: no JSON ({error}); remove the file or run again") from error
