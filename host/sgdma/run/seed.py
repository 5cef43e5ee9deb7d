"""The seed of a run: as given, else SGDMA_SEED of the environment, else a new one. Whoever chooses prints it."""

from __future__ import annotations

import os
import secrets

from sgdma.errors import UsageError

__all__ = ["chosen_seed"]


def chosen_seed(given: int | None = None) -> int:
    """32 bits. Raises :class:`UsageError` when SGDMA_SEED is no integer."""
    if given is not None:
        return given
    text = os.environ.get("SGDMA_SEED")
    try:
        return secrets.randbits(32) if not text else int(text, 0)
    except ValueError:
        raise UsageError(f"SGDMA_SEED = {text!r}: must be an integer; unset it for a new seed each time") from None
