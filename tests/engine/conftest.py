"""Open devices on the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

import sgdma
from sgdma.engine.device import Dma


class Opener(Protocol):
    def __call__(self, url: str = ..., **options: object) -> Dma: ...


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens devices and closes them at the end."""
    devices: list[Dma] = []

    def opener(url: str = "model:", **options: object) -> Dma:
        devices.append(sgdma.open(url, **options))
        return devices[-1]

    yield opener
    for dma in devices:
        dma.close()
        dma.target.close()


@pytest.fixture
def dma(opened: Opener) -> Dma:
    return opened()
