"""Fixtures of the shared suite, beside those of the plugin."""

from __future__ import annotations

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.suite.accounts import Book, Ledger
from sgdma.suite.helpers import Ground


@pytest.fixture
def ledger(dma: Dma) -> Ledger:
    """Watches the rings of this test's device."""
    return Ledger(dma)


@pytest.fixture
def book() -> Book:
    """Requests by name."""
    return Book()


@pytest.fixture
def ground(dma: Dma, rng: np.random.Generator) -> Ground:
    """A mebibyte of guarded noise for requests, half of it for each direction."""
    return Ground(dma, rng)
