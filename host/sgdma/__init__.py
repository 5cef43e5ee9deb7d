"""sgdma: one test suite for a scatter-gather DMA core, from a numpy model to the board.

>>> import sgdma
>>> with sgdma.open("model:") as dma:
...     dma.write(b"some bytes", card_address=64).result().bytes_moved
10
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sgdma.engine.device import Dma

__all__ = ["open"]


def open(url: str, **options: Any) -> Dma:
    """Open a device; the options are those of :func:`sgdma.engine.device.open_dma`."""
    from sgdma.engine.device import open_dma  # keeps `import sgdma.rules` light

    return open_dma(url, **options)
