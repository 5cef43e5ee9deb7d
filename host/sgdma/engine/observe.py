"""Who watches the driver: a transaction log, a measurement, a test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Observer"]


class Observer:
    """Override what is of interest; register with ``dma.observers.append``. The arrays are not to be changed."""

    def submitted(self, queue: int, batch: int, first: int, slots: npt.NDArray[np.uint8]) -> None:
        """Slots u8 (n, 16) of a batch were written into the submission ring from the free-running index `first` on."""

    def rung(self, queue: int, tail: int, time: int) -> None:
        """The submission doorbell was rung, at that cycle."""

    def completed(self, queue: int, records: npt.NDArray[np.void], time: int) -> None:
        """Completion records (n,) were taken from the ring, at that cycle."""
