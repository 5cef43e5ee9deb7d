"""sgdma: one test suite for a scatter-gather DMA core, from a numpy model to the board.

>>> import sgdma
>>> with sgdma.open("model:") as dma:
...     dma.write(b"some bytes", card_address=64).result().bytes_moved
10

docs/driver.md shows the rest. Errors are in :mod:`sgdma.errors`, rule sets in :mod:`sgdma.rules`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgdma.engine.device import Dma
    from sgdma.rules import Direction, RuleSet
    from sgdma.rules.plan import plan
    from sgdma.spec.status import Port, Status

__all__ = ["Direction", "Port", "Status", "open", "plan"]

_CODES = dict.fromkeys(("Port", "Status"), "sgdma.spec.status")
_HOMES = {"Direction": "sgdma.rules", "plan": "sgdma.rules.plan", **_CODES}


def __getattr__(name: str) -> Any:
    """What is asked for is imported then: `import sgdma.rules` stays light."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in ("errors", "rules"):
        return importlib.import_module(f"sgdma.{name}")
    raise AttributeError(f"module 'sgdma' has no attribute {name!r}")


def open(
    url: str, *, rules: RuleSet | str | None = None, allow_mismatch: bool = False, arena: int | None = None,
    contexts: int = 4096, sq_log2: int | None = None, cq_log2: int | None = None, moderation: tuple[int, int] = (0, 0),
    interrupts: bool | None = None,
) -> Dma:  # fmt: skip
    """Open the device at `url`, one of those that `sgdma targets` lists. Use it as a context manager.

    `sim:` and its kind answer inside the simulator only: give a script to ``pytest script.py --target sim:``.
    The options are explained at :func:`sgdma.engine.device.open_dma`. Raises TargetUrlError, RequestError for an
    option out of range, VersionMismatch, MapMismatch, HashMismatch, RulesMismatch, and what a target can meet.
    """
    from sgdma.engine.device import open_dma

    return open_dma(url, rules=rules, allow_mismatch=allow_mismatch, arena=arena, contexts=contexts, sq_log2=sq_log2,
                    cq_log2=cq_log2, moderation=moderation, interrupts=interrupts)  # fmt: skip
