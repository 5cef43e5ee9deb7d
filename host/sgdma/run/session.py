"""One pytest session on one target: its seed, its device, and what it adds to the run directory.

Imported by every pytest of the environment, so the device's modules come in only when a test uses them.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sgdma.errors import RigError, RunDirectoryError, SgdmaError
from sgdma.run.record import RunDirectory, create, key_of, slug, unwritable

if TYPE_CHECKING:
    from sgdma.engine.device import Dma
    from sgdma.engine.identity import Identity
    from sgdma.rules import RuleSet
    from sgdma.run.rig import Rig
    from sgdma.run.transactions import TransactionLog
    from sgdma.targets import Target

__all__ = ["Session"]


class Session:
    """What the plugin knows between its hooks. ``run`` is None where no record is kept."""

    def __init__(self, url: str, seed: int, allow_mismatch: bool) -> None:
        self.url, self.seed, self.allow_mismatch = url, seed, allow_mismatch
        self.slug = slug(url)
        self.run: RunDirectory | None = None
        self._failures = 0

    def keep(self, path: Path | None) -> None:
        """Record in a run directory, `path` or a new one. Raises :class:`RunDirectoryError`."""
        from sgdma.run.passport import now

        self.run = create(path)
        self.run.update_target(self.slug, {"url": self.url, "seed": self.seed, "started": now(), "exit_status": None})

    @property
    def junit(self) -> Path:
        """Where pytest writes results until they are whole."""
        assert self.run is not None
        return self.run.path / f".{self.run.junit(self.slug).name}.part"

    @cached_property
    def log(self) -> TransactionLog:
        """The transaction log; without a run directory, of recent events only."""
        from sgdma.run.transactions import TransactionLog

        return TransactionLog(self.run.transactions(self.slug) if self.run else None)

    @cached_property
    def rig(self) -> Rig:
        """The target, opened when it is first asked for."""
        from sgdma.run.rig import Rig

        return Rig(self.url, allow_mismatch=self.allow_mismatch, log=self.log, on_open=self._describe)

    def _describe(self, target: Target, identity: Identity, rules: RuleSet) -> None:
        from sgdma.run.passport import describe_target

        if self.run:
            self.run.update_target(self.slug, describe_target(target, identity, rules))

    def begin(self, nodeid: str) -> None:
        """A test begins. Raises :class:`RunDirectoryError` when the log can't be written any more."""
        if self.log.error:
            raise self.log.error
        self.log.note("test", test=key_of(nodeid))

    def too_small(self, error: BaseException) -> str:
        """Why the target's memory is too small for a test that ended so; empty when it is not to blame."""
        from sgdma.errors import ArenaTooSmall, OutOfMemory
        from sgdma.run.rig import ARENA

        if not isinstance(error, ArenaTooSmall | OutOfMemory) or self.rig.target.memory_bytes > ARENA:
            return ""
        return f"{self.rig.url} has {self.rig.target.memory_bytes} bytes of DMA memory, the test needs more ({error})"

    def explain(self, item: pytest.Item, report: pytest.TestReport, error: BaseException) -> None:
        """Tell a broken rig from a failing device, and collect what is known about a failure."""
        if isinstance(error, RigError):
            report.sections.append(("where the rig broke", str(report.longrepr)))
            if report.when == "call":
                report.when = "setup"  # what pytest counts as an error, not as a failure
                report.phase = "call"  # type: ignore[attr-defined]
            report.longrepr = f"rig error: {error}"
            return
        again = self._again(item)
        text = f"again: {again}"
        if self.run and report.when == "call":
            text += f"\nbundle: {self._bundle(item, error, again)}"
        report.sections.append(("sgdma", text))

    def _again(self, item: pytest.Item) -> str:
        place = os.path.relpath(item.path, item.config.invocation_params.dir)
        name = item.nodeid.partition("::")[2]
        return shlex.join(["pytest", "--target", self.url, "--seed", str(self.seed), f"{place}::{name}"])

    def _bundle(self, item: pytest.Item, error: BaseException, again: str) -> str:
        from sgdma.run.bundle import collect

        assert self.run is not None
        dma: Dma | None = getattr(item, "funcargs", {}).get("dma")
        key = key_of(item.nodeid)
        self._failures += 1
        values: dict[str, Any] = {"test": key, "nodeid": item.nodeid, "target": self.url, "seed": self.seed,
                                  "again": again, "order": self._failures} | collect(dma, self.log, error)  # fmt: skip
        path = self.run.failure(self.slug, key)
        try:
            self.run.write_json(str(path.relative_to(self.run.path)), values)
        except RunDirectoryError as problem:
            return f"none: {problem}"
        return str(path)

    def finish(self, status: int) -> SgdmaError | None:
        """Close the device, end the record; the first error on the way."""
        from sgdma.run.passport import now

        try:
            try:
                self._close()
            finally:
                if self.run:
                    self.run.update_target(self.slug, {"finished": now(), "exit_status": status})
        except SgdmaError as error:
            return error
        return None

    def _close(self) -> None:
        if "rig" in self.__dict__:
            try:
                self.rig.close()
            finally:
                self.log.close()
        if "log" in self.__dict__ and self.log.error:
            raise self.log.error

    def place_junit(self, written: str | None) -> None:
        """Give the results that pytest has written their name in the run directory."""
        if self.run is None or not written or not Path(written).exists():
            return
        part, whole = self.junit, self.run.junit(self.slug)
        try:
            if Path(written) != part:
                shutil.copyfile(written, part)
            part.replace(whole)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise unwritable(whole, error) from error
