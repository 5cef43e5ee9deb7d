"""The run directory: everything that a run leaves behind, each file written whole or not at all.

``passport.json`` (what was run, with what, on what), ``changes.diff`` (what the checkout had beyond its commit),
``junit-TARGET.xml``, ``metrics.json``, ``transactions-TARGET.jsonl``, ``failures/TARGET/*.json``, ``waves/`` and
``report.html``. Several targets share one directory: that is what parity is judged by.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sgdma.errors import RunDirectoryError

__all__ = [
    "RunDirectory", "check_writable", "create", "key_of", "open_existing", "slug", "unwritable", "write_atomically",
]  # fmt: skip


def slug(url: str) -> str:
    """A target's URL as a part of file names: ``sim:?data_width=256`` -> ``sim-data_width-256``."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", url).strip("-.") or "target"
    if len(plain) <= 80:
        return plain
    return f"{plain[:70]}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def key_of(nodeid: str) -> str:
    """A test's name in reports: ``host/sgdma/suite/test_a.py::test_b[1]`` -> ``host.sgdma.suite.test_a::test_b[1]``."""
    address, bracket, parameters = nodeid.partition("[")
    path, *names = address.split("::")
    classname = ".".join([re.sub(r"\.py$", "", path).replace("/", "."), *names[:-1]])
    return f"{classname}::{names[-1] if names else ''}{bracket}{parameters}"


def check_writable(path: Path, option: str) -> None:
    """Raise :class:`RunDirectoryError` when no file can be written there, before there is anything to write."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise unwritable(path, error, option) from error


def write_atomically(path: Path, content: str | bytes, option: str = "--run-dir") -> None:
    """Write a file whole or not at all. Raises :class:`RunDirectoryError` naming path and reason.

    `option`: of the command line, by which the user chose the place.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise unwritable(path, error, option) from error


def unwritable(path: Path, error: OSError, option: str = "--run-dir") -> RunDirectoryError:
    """The error that says what couldn't be written, why, and what to do."""
    return RunDirectoryError(
        f"{path} can't be written: {error.strerror or error}; free space there, or choose another place with {option}"
    )


@dataclass(frozen=True)
class RunDirectory:
    """One run's directory; made by :func:`create` or :func:`open_existing`."""

    path: Path

    @property
    def passport(self) -> dict[str, Any]:
        """What was run, with what, on what. Raises :class:`RunDirectoryError` for a damaged one."""
        value = self._object("passport.json")
        targets = value.get("targets", {})
        if not isinstance(targets, dict) or not all(isinstance(about, dict) for about in targets.values()):
            raise RunDirectoryError(f"{self.path / 'passport.json'}: targets is no table of targets; run again")
        return value

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """Rows measured in this run."""
        rows: list[dict[str, Any]] = self._object("metrics.json").get("rows", [])
        return rows

    def junit(self, target: str) -> Path:
        """Results of the tests on a target, given by slug."""
        return self.path / f"junit-{target}.xml"

    def transactions(self, target: str) -> Path:
        """The transaction log of a target, given by slug."""
        return self.path / f"transactions-{target}.jsonl"

    def failure(self, target: str, key: str) -> Path:
        """The bundle of a failing test."""
        name = re.sub(r"[^A-Za-z0-9._]+", "-", key.split(".")[-1]).strip("-")[:80]
        return self.path / "failures" / target / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.json"

    def failures(self, target: str) -> list[dict[str, Any]]:
        """All bundles of a target, each with its file's name under ``file``."""
        folder = self.path / "failures" / target
        names = sorted(str(path.relative_to(self.path)) for path in folder.glob("*.json"))
        return [self._object(name) | {"file": name} for name in names]

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file below the directory, whole or not at all."""
        write_atomically(self.path / name, content)
        return self.path / name

    def write_json(self, name: str, value: object) -> Path:
        """The same, of plain values."""
        return self.write(name, json.dumps(value, indent=1, default=str) + "\n")

    def update_target(self, target: str, values: Mapping[str, object]) -> None:
        """Add to what the passport says of a target, given by slug."""
        passport = self.passport
        targets = passport.setdefault("targets", {})
        targets[target] = targets.get(target, {}) | dict(values)
        self.write_json("passport.json", passport)

    def forget(self) -> None:
        """Take back a directory in which nothing has run; one that holds anything but its passport stays."""
        own = [path for path in self.path.iterdir() if path.name in ("passport.json", "changes.diff")]
        if len(own) == len(list(self.path.iterdir())) and not self.passport.get("targets"):
            for path in own:
                path.unlink()
            self.path.rmdir()
            latest = self.path.parent / "latest"
            if latest.is_symlink() and not latest.exists():
                latest.unlink()

    def add_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Append rows to ``metrics.json``."""
        self.write_json("metrics.json", {"rows": self.metrics + rows})

    def _object(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{self.path / name} can't be read: {error}; remove it and run again") from error
        if not isinstance(value, dict):
            raise RunDirectoryError(f"{self.path / name} holds a {type(value).__name__}, not an object; run again")
        return value


def create(path: Path | None = None, base: Path | None = None) -> RunDirectory:
    """A run directory: `path`, or a new one named by the time below `base` (``runs/``), with ``latest`` pointing to it.

    An existing `path` is joined. Raises :class:`RunDirectoryError`.
    """
    from sgdma.run.passport import changes, passport  # ask git and the package metadata: not needed to read a run

    place = _fresh(base or Path("runs")) if path is None else path
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(place, error) from error
    run = RunDirectory(place.absolute())
    if not run.passport:
        run.write_json("passport.json", passport())
        if beyond := changes():
            run.write("changes.diff", beyond + "\n")
    if path is None:
        _point(place.parent / "latest", place.name)
    return run


def open_existing(path: Path) -> RunDirectory:
    """A directory that a run has left. Raises :class:`RunDirectoryError` when it is none."""
    run = RunDirectory(path.absolute())
    if not run.passport:
        raise RunDirectoryError(f"{path} holds no run (no passport.json); `sgdma test` and `sgdma demo` make one")
    return run


def _fresh(base: Path) -> Path:
    name = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for count in range(1, 1000):
        place = base / (name if count == 1 else f"{name}-{count}")
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            if base.is_dir():
                continue
            raise unwritable(base, FileExistsError(17, "a file of that name is in the way")) from None
        except OSError as error:
            raise unwritable(place, error) from error
        return place
    raise RunDirectoryError(f"{base}/{name}: a thousand runs in one second; remove some")


def _point(link: Path, name: str) -> None:
    """Replace a symbolic link in one step. A file system without links goes without."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(name)
        temporary.replace(link)
