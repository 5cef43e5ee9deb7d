"""sgdma: one test suite for a scatter-gather DMA core, from a numpy model to the board.

>>> import sgdma
>>> with sgdma.open("model:") as dma:
...     dma.write(b"some bytes", card_address=64).result().bytes_moved
10
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgdma.engine.device import Dma
    from sgdma.rules import RuleSet

__all__ = ["open"]


def open(
    url: str, *, rules: RuleSet | str | None = None, allow_mismatch: bool = False, arena: int | None = None,
    contexts: int = 4096, sq_log2: int | None = None, cq_log2: int | None = None, moderation: tuple[int, int] = (0, 0),
    interrupts: bool | None = None,
) -> Dma:  # fmt: skip
    """Open the device at `url` (`sgdma targets`); the options are explained at :func:`sgdma.engine.device.open_dma`."""
    from sgdma.engine.device import open_dma  # keeps `import sgdma.rules` light

    return open_dma(url, rules=rules, allow_mismatch=allow_mismatch, arena=arena, contexts=contexts, sq_log2=sq_log2,
                    cq_log2=cq_log2, moderation=moderation, interrupts=interrupts)  # fmt: skip
