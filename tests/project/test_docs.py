"""What the documentation promises to list is listed."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from sgdma.run.markers import MARKERS
from sgdma.spec.build import BuildParameters
from sgdma.targets import SCHEMES, model, uart, vfio
from sgdma.targets.sim.target import own_parameters
from sgdma.targets.url import parse

ROOT = Path(__file__).parents[2]
TARGETS = (ROOT / "docs/targets.md").read_text()
BUILD = {field.name for field in dataclasses.fields(BuildParameters)} - {"fixture"}
OWN = {*model.OWN, *own_parameters(parse("sim:pcie")), *uart.OWN, *vfio.OWN}


@pytest.mark.parametrize("name", sorted(BUILD | OWN))
def test_every_parameter_of_a_url_is_documented(name: str) -> None:
    assert f"`{name}`" in TARGETS or f"`{name}=" in TARGETS


@pytest.mark.parametrize("marker", [marker.partition("(")[0].partition(":")[0] for marker in MARKERS])
def test_every_marker_is_documented(marker: str) -> None:
    assert f"| `{marker}" in TARGETS


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_documented(scheme: str) -> None:
    assert f"`{scheme}:" in TARGETS


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_every_page_is_linked_from_the_readme(page: str) -> None:
    assert f"(docs/{page})" in (ROOT / "README.md").read_text()


def test_the_page_on_the_driver_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/driver.md").read_text(), re.DOTALL)
    space: dict[str, object] = {}
    for block in blocks:
        exec(block, space)
    assert len(blocks) > 7
