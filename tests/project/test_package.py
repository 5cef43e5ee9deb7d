"""What pyproject.toml, the constraints and a built wheel promise."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]


def pins() -> dict[str, Version]:
    lines = [line for line in (ROOT / "ci/constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!]+", line) for line in lines), "name==version and nothing else"
    return {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}


def test_every_dependency_is_pinned_to_a_version_it_allows() -> None:
    pinned = pins()
    groups = {"": PROJECT["dependencies"]} | PROJECT["optional-dependencies"]
    for lines in groups.values():
        for requirement in map(Requirement, lines):
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} against {version}"


def test_every_dependency_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().split("[project.scripts]")[0].splitlines()
    for above, line in pairwise(lines):
        if re.match(r'  "', line):
            assert above.startswith("  # "), f"{line.strip()} has no comment above it"


def test_the_plugin_is_switched_off_only_while_there_is_none() -> None:
    switched_off = "no:sgdma" in PYPROJECT["tool"]["pytest"]["ini_options"]["addopts"]
    assert switched_off != (ROOT / "host/sgdma/run/plugin.py").exists()


def test_a_wheel_holds_both_roots_and_all_that_lies_beside_the_modules(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77", reason="this .venv was not made by ci/setup.sh")
    source = tmp_path / "source"
    for name in ("host", "soc"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    sets = source / "host/sgdma/rules/sets"
    sets.mkdir(exist_ok=True)
    (sets / "witness.toml").touch()
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    for root in ("host", "soc"):
        for path in (source / root).glob("sgdma*/**/*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert str(path.relative_to(source / root)) in packed
    assert not [name for name in packed if "__pycache__" in name]
    assert {"sgdma/py.typed", "sgdma_soc/py.typed"} <= packed
    assert "sgdma-0.1.0.dist-info/licenses/LICENSE" in packed


def test_an_unmarked_test_is_in_the_fast_tier(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("fast")
