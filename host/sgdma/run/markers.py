"""What a test says that it needs, and why it is skipped where that is lacking."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sgdma.run.rig import Rig

__all__ = ["MARKERS", "check_markers", "lacking"]

MARKERS = (
    'needs(*names): capabilities of the target, such as "interrupts"; skipped where one is lacking',
    "min_queues(count): queue pairs of the device; skipped where there are fewer",
    "needs_rules(predicate, reason): predicate(rules) of the device's RuleSet; skipped with the reason where false",
    "deep: takes minutes; left out by sgdma test unless -m says otherwise",
    "dma_options(**options): options of sgdma.open for this test's device, such as sq_log2=4 or contexts=8",
)


def check_markers(items: Iterable[pytest.Item]) -> None:
    """Refuse misuse before any test runs. Raises :class:`pytest.UsageError` naming the test and the remedy."""
    for item in items:
        for marker in item.iter_markers():
            complaint = _COMPLAINTS[marker.name](marker) if marker.name in _COMPLAINTS else None
            if complaint:
                raise pytest.UsageError(f"{item.nodeid}: {complaint}")


def lacking(item: pytest.Item, rig: Rig) -> str | None:
    """Why this test can't run on the rig's target; None when it can. Opens the target when a marker asks for it."""
    for marker in item.iter_markers("needs"):
        missing = [name for name in marker.args if name not in _present(rig)]
        if missing:
            return f"{rig.url} lacks {', '.join(missing)}"
    for marker in item.iter_markers("min_queues"):
        if rig.identity.queues < marker.args[0]:
            return f"{rig.url} has {rig.identity.queues} queue pairs, the test needs {marker.args[0]}"
    for marker in item.iter_markers("needs_rules"):
        if not marker.args[0](rig.rules):
            return f"rules {rig.rules.name}: {marker.args[1]}"
    return None


def _present(rig: Rig) -> set[str]:
    return {flag.name.lower() for flag in rig.target.capabilities if flag.name}


def _needs(marker: pytest.Mark) -> str | None:
    from sgdma.targets import Capability

    known = [flag.name.lower() for flag in Capability if flag.name]
    unknown = [name for name in marker.args if name not in known]
    if unknown or not marker.args or marker.kwargs:
        return f"needs{_shown(marker)}: must name capabilities, of which there are {', '.join(known)}"
    return None


def _min_queues(marker: pytest.Mark) -> str | None:
    good = len(marker.args) == 1 and isinstance(marker.args[0], int) and not marker.kwargs
    return None if good else f"min_queues{_shown(marker)}: must be given one number, as in min_queues(2)"


def _needs_rules(marker: pytest.Mark) -> str | None:
    good = len(marker.args) == 2 and callable(marker.args[0]) and isinstance(marker.args[1], str)
    return None if good else f"needs_rules{_shown(marker)}: must be given a function of the rules and a reason"


def _dma_options(marker: pytest.Mark) -> str | None:
    from sgdma.engine.device import Dma

    known = [name for name in inspect.signature(Dma).parameters if name not in ("target", "allow_mismatch")]
    unknown = [name for name in marker.kwargs if name not in known]
    if marker.args or unknown:
        return f"dma_options{_shown(marker)}: must name options, of which there are {', '.join(known)}"
    return None


def _shown(marker: pytest.Mark) -> str:
    parts = [*map(repr, marker.args), *(f"{name}={value!r}" for name, value in marker.kwargs.items())]
    return f"({', '.join(parts)})"


_COMPLAINTS = {"needs": _needs, "min_queues": _min_queues, "needs_rules": _needs_rules, "dma_options": _dma_options}
