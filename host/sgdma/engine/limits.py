"""Numbers of the caller's, checked where they come in: whole, and within a range."""

from __future__ import annotations

import operator
from typing import SupportsIndex, cast

from sgdma.errors import RequestError

__all__ = ["whole"]


def whole(what: str, value: object, low: int = 0, high: int | None = None) -> int:
    """`value` as an int, any integer type; `what` is how an error calls it. Raises :class:`RequestError`."""
    limit = f"{low} or more" if high is None else f"{low}..{high}"
    try:
        number = operator.index(cast("SupportsIndex", value))
    except TypeError:
        raise RequestError(f"{what} = {value!r}: must be an integer, {limit}") from None
    if number < low or (high is not None and number > high):
        raise RequestError(f"{what} = {number}: must be {limit}")
    return number
