"""What callers give, checked where it comes in: numbers whole and within a range, names of a kind."""

from __future__ import annotations

import enum
import operator
from typing import SupportsIndex, TypeVar, cast

from sgdma.errors import RequestError

__all__ = ["one_of", "whole"]

_Kind = TypeVar("_Kind", bound=enum.IntEnum)


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


def one_of(what: str, kind: type[_Kind], value: object) -> _Kind:
    """A member of `kind`, given as such, by its number or by its name in any case. Raises :class:`RequestError`."""
    for member in kind:
        if value == member or (isinstance(value, str) and value.upper() == member.name):
            return member
    members = ", ".join(f"{kind.__name__}.{member.name} ({member.value})" for member in kind)
    raise RequestError(f"{what} = {value!r}: must be one of {members}")
