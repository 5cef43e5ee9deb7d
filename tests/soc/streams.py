"""What tests of LiteX modules do with a stream, as processes of migen's simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["put"]


def put(channel: Any, **fields: int) -> Iterator[Any]:
    """Offer one item until it is taken."""
    for name, value in fields.items():
        yield getattr(channel, name).eq(value)
    yield channel.valid.eq(1)
    yield
    while not (yield channel.ready):
        yield
    yield channel.valid.eq(0)
