"""Outcomes of a run: read from JUnit, set side by side, judged.

A test that ran on one target must have run, or have been skipped with a reason, on every other one. When it is silently
absent there, nobody has decided that it need not run: that is an error of the run, as bad as a failure.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgdma.errors import RunDirectoryError
from sgdma.run.record import RunDirectory

__all__ = ["ABSENT", "Outcome", "Results", "Row", "TargetResults", "parity", "read_junit", "read_results"]

_ORDER = ("passed", "skipped", "failed", "error")
_INTERRUPTED, _RIG_ERROR = 2, 3


@dataclass(frozen=True)
class Outcome:
    """What became of a test on a target: ``passed``, ``failed``, ``error``, ``skipped`` or ``absent``, and why."""

    status: str
    reason: str = ""
    seconds: float = 0.0


ABSENT = Outcome("absent")


@dataclass(frozen=True)
class Row:
    """One test on all targets, in their order. ``wrong``: it ran on one and is silently absent on another."""

    key: str
    cells: tuple[Outcome, ...]

    @property
    def wrong(self) -> bool:
        """A hole in the parity."""
        statuses = {cell.status for cell in self.cells}
        return "absent" in statuses and bool(statuses - {"absent", "skipped"})

    @property
    def group(self) -> str:
        """The module's name without the packages that all have in common."""
        return re.sub(r"^.*\bsuite\.", "", self.key.partition("::")[0])

    @property
    def name(self) -> str:
        """The test's own name."""
        return self.key.partition("::")[2]


@dataclass(frozen=True)
class TargetResults:
    """All outcomes on one target. ``trouble``: why the session as a whole can't be trusted, or empty."""

    slug: str
    about: Mapping[str, Any]
    tests: Mapping[str, Outcome]

    @property
    def url(self) -> str:
        """The target's URL."""
        return str(self.about.get("url", self.slug))

    @property
    def counts(self) -> Counter[str]:
        """How many of each outcome."""
        return Counter(test.status for test in self.tests.values())

    @property
    def seconds(self) -> float:
        """Time that the tests took."""
        return sum(test.seconds for test in self.tests.values())

    @property
    def trouble(self) -> str:
        """What is wrong with the session beyond its tests."""
        status = self.about.get("exit_status")
        if status is None:
            return "the session did not come to its end"
        if status == _RIG_ERROR:
            return "rig error: no verdict on the device"
        if status == _INTERRUPTED:
            return "interrupted"
        if not self.tests:
            return "no test ran"
        return "" if status in (0, 1) else f"pytest ended with status {status}"


@dataclass(frozen=True)
class Results:
    """A whole run, judged."""

    targets: tuple[TargetResults, ...]
    rows: tuple[Row, ...]

    @property
    def holes(self) -> list[Row]:
        """Tests that ran on one target and are silently absent on another."""
        return [row for row in self.rows if row.wrong]

    @property
    def failed(self) -> int:
        """Failures and errors on all targets."""
        return sum(target.counts["failed"] + target.counts["error"] for target in self.targets)

    @property
    def good(self) -> bool:
        """Nothing failed, nothing is silently absent, every session came to its end."""
        troubled = any(target.trouble for target in self.targets)
        return bool(self.targets) and not (self.failed or self.holes or troubled)


def read_results(run: RunDirectory) -> Results:
    """All that a run directory says about outcomes. Raises :class:`RunDirectoryError` for a damaged file."""
    about = run.passport.get("targets", {})
    targets = tuple(TargetResults(slug, told, read_junit(run.junit(slug))) for slug, told in about.items())
    return Results(targets, parity([target.tests for target in targets]))


def parity(tests: list[Mapping[str, Outcome]]) -> tuple[Row, ...]:
    """Every test of any target, with its outcomes on all of them, sorted by name."""
    keys = sorted(set().union(*tests)) if tests else []
    return tuple(Row(key, tuple(of_target.get(key, ABSENT) for of_target in tests)) for key in keys)


def read_junit(path: Path) -> dict[str, Outcome]:
    """Outcomes by test key; nothing for a file that isn't there. Of two entries for one test the worse counts."""
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        return {}
    except (OSError, ElementTree.ParseError) as error:
        raise RunDirectoryError(f"{path} can't be read: {error}; run the tests again") from error
    found: dict[str, Outcome] = {}
    for case in root.iter("testcase"):
        key = f"{case.get('classname', '')}::{case.get('name', '')}"
        outcome = _outcome(case)
        if key not in found or _ORDER.index(outcome.status) > _ORDER.index(found[key].status):
            found[key] = outcome
    return found


def _outcome(case: ElementTree.Element) -> Outcome:
    seconds = float(case.get("time", 0))
    for tag, status in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        child = case.find(tag)
        if child is not None:
            reason = re.sub(r'^failed on (?:setup|teardown) with "(.*)"$', r"\1", child.get("message", ""), flags=re.S)
            return Outcome(status, reason, seconds)
    return Outcome("passed", "", seconds)
