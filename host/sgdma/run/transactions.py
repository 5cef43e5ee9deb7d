"""The transaction log: one JSON line for every event that the driver tells its observers.

``{"event": "session", "target": URL, "clock_offset": C}`` once; for every test ``{"event": "test", "test": KEY}`` and
then its events, all times in device cycles (``time``: target time, ``timestamps``: the device's own, C ahead of it):

* ``submit``: queue, batch (its number), first (slot index), and of each request tags, opcodes, segments, bytes;
* ``ring``: queue, tail, time;
* ``complete``: queue, time, and of each record tags, statuses, bytes, timestamps.

A line of many requests costs one ``tolist`` a column. What is kept in memory is bounded, and so is the file.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from sgdma.engine.observe import Observer
from sgdma.errors import RunDirectoryError
from sgdma.run.record import unwritable
from sgdma.spec.layout import HEADER
from sgdma.spec.status import SlotKind

__all__ = ["TransactionLog"]

BUFFERED = 256
"""Lines held back before they are written."""
LIMIT = 64 << 20
"""Bytes after which a log ends with a line that says so."""


class TransactionLog(Observer):
    """Writes to `path`, which appears whole when the log is closed (None: keeps ``recent`` events of the test only).

    ``error`` is what went wrong with the file; writing has stopped then, and the test goes on undisturbed.
    """

    def __init__(self, path: Path | None, limit: int = LIMIT) -> None:
        self.path, self.limit = path, limit
        self.recent: deque[dict[str, Any]] = deque(maxlen=64)
        self.error: RunDirectoryError | None = None
        self._file: IO[str] | None = None
        self._lines: list[str] = []
        self._written = 0

    def note(self, event: str, **values: object) -> None:
        """Add an event of any kind."""
        line = {"event": event, **values}
        if event == "test":
            self.recent.clear()
        self.recent.append(line)
        if self.path is not None and self.error is None and self._written < self.limit:
            self._lines.append(json.dumps(line, separators=(",", ":")))
            if len(self._lines) >= BUFFERED:
                self._write()

    def submitted(self, queue: int, batch: int, first: int, slots: npt.NDArray[np.uint8]) -> None:
        """Log the headers among the slots."""
        headers = slots[slots[:, -1] >> 4 == SlotKind.HEADER].reshape(-1).view(HEADER)
        self.note("submit", queue=queue, batch=batch, first=first, tags=headers["tag"].tolist(),
                  opcodes=(headers["kind_opcode"] & 15).tolist(), segments=headers["segment_count"].tolist(),
                  bytes=headers["total_length"].tolist())  # fmt: skip

    def rung(self, queue: int, tail: int, time: int) -> None:
        """Log a doorbell."""
        self.note("ring", queue=queue, tail=tail, time=time)

    def completed(self, queue: int, records: npt.NDArray[np.void], time: int) -> None:
        """Log completion records."""
        columns = {"tags": "tag", "statuses": "status", "bytes": "bytes_moved", "timestamps": "timestamp"}
        values = {name: records[field].tolist() for name, field in columns.items()}
        self.note("complete", queue=queue, time=time, **values)

    def close(self) -> None:
        """Write the rest and give the file its name."""
        if self.path is None or self.error is not None:
            return
        self._write()
        if self._file is not None:
            with self._guarded():
                self._file.close()
                self._part.replace(self.path)
            self._file = None

    @property
    def _part(self) -> Path:
        assert self.path is not None
        return self.path.with_name(f".{self.path.name}.part")

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if not lines:
            return
        with self._guarded():
            if self._file is None:
                self._file = self._part.open("w", encoding="utf-8")
            text = "".join(f"{line}\n" for line in lines)
            self._written += len(text)
            if self._written >= self.limit:
                text += json.dumps({"event": "truncated", "limit": self.limit}) + "\n"
            self._file.write(text)
            self._file.flush()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            assert self.path is not None
            self.error = unwritable(self.path, error)
            with contextlib.suppress(OSError):
                if self._file is not None:
                    self._file.close()
            with contextlib.suppress(OSError):
                self._part.unlink()
