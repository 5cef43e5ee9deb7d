"""The hardware generator, which is no part of the host's package and needs LiteX."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

from sgdma.errors import UsageError
from sgdma.paths import checkout_root, writable_directory
from sgdma.spec.build import BuildParameters

__all__ = ["generate"]


def generate(parameters: BuildParameters, output: Path, chosen: int | None = None) -> int:
    """Write the design below `output`; returns its content hash, that of the sources or the one that is `chosen`.

    Raises UsageError for a place that can't be written, and when LiteX is missing.
    """
    try:
        generator = importlib.import_module("sgdma_soc.standalone")
    except ImportError as error:
        raise UsageError(f"the generator needs LiteX ({error}); install it: pip install 'sgdma[sim]'") from error
    before = logging.root.manager.disable
    logging.disable(logging.INFO)  # LiteX tells at length what it builds
    try:
        return int(generator.generate(parameters, checkout_root(), writable_directory(output), chosen))
    finally:
        logging.disable(before)
