"""The seed of a run: as given, else SGDMA_SEED of the environment, else a new one. Whoever chooses prints it."""

from __future__ import annotations

import os
import secrets

from sgdma.errors import UsageError

__all__ = ["chosen_seed"]


def chosen_seed(given: int | None = None) -> int:
    """A new one has 32 bits. Raises :class:`UsageError` for what can't seed a random generator."""
    text = os.environ.get("SGDMA_SEED")
    try:
        seed = given if given is not None else int(text, 0) if text else secrets.randbits(32)
    except ValueError:
        raise UsageError(f"SGDMA_SEED = {text!r}: must be an integer; unset it for a new seed each time") from None
    if seed < 0:
        raise UsageError(f"seed {seed}: must be 0 or more")
    return seed
