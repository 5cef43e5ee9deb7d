"""Numbers of the caller's, checked where they come in: whole, and within a range."""

from __future__ import annotations

import operator
from typing import SupportsIndex, cast

from sgdma.errors import RequestError

__all__ = ["whole"]


def whole(what: str, value: object, low: int | None = 0, high: int | None = None) -> int:
    """`value`, of any integer type, as an int. `what` is how an error calls it; None leaves a side open.

    Raises :class:`RequestError`.
    """
    limit = "any" if low is None else f"{low} or more" if high is None else f"{low}..{high}"
    try:
        number = operator.index(cast("SupportsIndex", value))
    except TypeError:
        raise RequestError(f"{what} = {value!r}: must be an integer, {limit}") from None
    if (low is not None and number < low) or (high is not None and number > high):
        raise RequestError(f"{what} = {number}: must be {limit}")
    return number
