"""Options that mean nothing beside others: refused, never ignored."""

from __future__ import annotations

from collections.abc import Collection

import typer

from sgdma.errors import UsageError

__all__ = ["refuse"]


def refuse(context: typer.Context, names: Collection[str], why: str) -> None:
    """Raise UsageError when one of these options, by their parameters' names, was given; `why` says where."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in names and source is not None and source.name != "DEFAULT":
            raise UsageError(f"{option.opts[0]} has no meaning {why}; leave it out")
