"""The generated design without the fixture: what a user integrates."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sgdma.cli import app
from sgdma.errors import BuildParameterError
from sgdma.paths import checkout_root
from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import DEVICE
from sgdma.targets.sim.build import verilator_environment

pytestmark = pytest.mark.sim

ROOT = checkout_root()
USER_PORTS = {
    "user_reset": ("output", 1), "c2h_cancel": ("output", 1),
    "h2c_cmd_valid": ("output", 1), "h2c_cmd_ready": ("input", 1), "h2c_cmd_address": ("output", 48),
    "h2c_cmd_length": ("output", 32), "h2c_cmd_port": ("output", 2), "h2c_cmd_queue": ("output", 8),
    "h2c_tvalid": ("output", 1), "h2c_tready": ("input", 1), "h2c_tdata": ("output", 128), "h2c_tkeep": ("output", 16),
    "h2c_tlast": ("output", 1), "h2c_tuser": ("output", 1),
    "c2h_cmd_valid": ("output", 1), "c2h_cmd_ready": ("input", 1), "c2h_cmd_address": ("output", 48),
    "c2h_cmd_length": ("output", 32), "c2h_cmd_port": ("output", 2), "c2h_cmd_queue": ("output", 8),
    "c2h_tvalid": ("input", 1), "c2h_tready": ("output", 1), "c2h_tdata": ("input", 128), "c2h_tkeep": ("input", 16),
    "c2h_tlast": ("input", 1), "c2h_tuser": ("input", 1),
}  # fmt: skip

def generated(output: Path, **build: object) -> int:
    from sgdma_soc.standalone import generate

    return generate(BuildParameters(**build), ROOT, output)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("bare")
    generated(output, data_width=128, fixture=0)
    return output


def ports(verilog: str) -> dict[str, tuple[str, int]]:
    """Direction and width in bits of the top module's ports."""
    head = verilog[verilog.index("module sgdma_standalone") : verilog.index(");")]
    found = re.findall(r"(input|output)\s+(?:wire|reg)\s+(?:\[(\d+):0\])?\s*(\w+)", head)
    return {name: (direction, int(high or 0) + 1) for direction, high, name in found}


def test_the_user_side_is_ports(bare: Path) -> None:
    said = ports((bare / "gateware" / "sgdma_standalone.sv").read_text())
    others = {name for name in said if not name.startswith(("mem_", "csr_"))} - {"clk", "rst", "irq", "vectors"}
    assert {name: said[name] for name in others} == USER_PORTS


def test_the_register_map_has_no_fixture_and_the_device_where_it_was(bare: Path) -> None:
    said = json.loads((bare / "csr.json").read_text())
    assert set(said["csr_bases"]) == {"sgdma"}
    addresses = {f"sgdma_{register.name}": DEVICE.address(register.name) for register in DEVICE.registers}
    assert {name: register["addr"] for name, register in said["csr_registers"].items()} == addresses
    assert "CSR_FIXTURE_" not in (bare / "csr.h").read_text()


def lint(where: Path, *more: str) -> str:
    """What Verilator has to say to a design as it was generated; empty when all is well."""
    environment = verilator_environment()
    executable = shutil.which("verilator", path=environment["PATH"])
    assert executable, "Verilator is missing"
    files = [str(where / "gateware" / "waivers.vlt"), "-F", str(where / "gateware" / "sgdma.f")]
    command = [executable, "--lint-only", "-Wall", *more, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    text = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("- "))
    return text or ("" if done.returncode == 0 else f"exit status {done.returncode}")


def test_the_design_is_complete_and_clean_without_the_fixture(bare: Path) -> None:
    build = json.loads((bare / "build.json").read_text())
    assert (bare / "gateware" / "sgdma.f").read_text().splitlines() == build["sources"]
    assert not [name for name in build["sources"] if "fixture" in name]
    assert lint(bare, "--top-module", build["top"]) == ""


@pytest.mark.parametrize("build", [{}, {"data_width": 512, "queues": 31, "crc": 0}, {"guard": 1, "queues": 1},
                                   {"rules": "aligned64", "data_width": 256, "fixture": 0}])  # fmt: skip
def test_what_is_generated_is_clean_in_other_shapes(build: dict[str, object], tmp_path: Path) -> None:
    generated(tmp_path, **build)
    assert lint(tmp_path, "--top-module", "sgdma_standalone") == ""


def test_it_can_be_told_how_large_and_how_fast_the_core_is(tmp_path: Path) -> None:
    """By options of `sgdma gen`, and the command that it ends with is one that works."""
    sizes = {"burst_bytes": 1024, "list_slots": 1024, "prefetch_slots": 64}
    options = [word for name, value in sizes.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    said = CliRunner().invoke(app, ["gen", "--output", str(tmp_path), "--clock", "80000000", *options])
    assert said.exit_code == 0, said.output
    assert "80 MHz" in said.output
    assert json.loads((tmp_path / "csr.json").read_text())["constants"]["config_clock_frequency"] == 80_000_000
    told = json.loads((tmp_path / "build.json").read_text())["parameters"]
    assert {name: told[name] for name in sizes} | {"clock_hz": told["clock_hz"]} == sizes | {"clock_hz": 80_000_000}
    words = said.output.splitlines()[-1].split()
    assert words[:2] == ["verilator", "--lint-only"]
    assert lint(tmp_path, *words[3:5]) == ""
    assert words[5:] == [str(tmp_path / "gateware" / "waivers.vlt"), "-F", str(tmp_path / "gateware" / "sgdma.f")]


def test_the_content_hash_tells_it_from_the_build_with_fixture(bare: Path, tmp_path: Path) -> None:
    said = int(json.loads((bare / "build.json").read_text())["content_hash"], 16)
    assert generated(tmp_path, data_width=128) != said
    assert "sgdma_fixture.sv" in json.loads((tmp_path / "build.json").read_text())["sources"]


def test_the_device_says_so_and_no_target_has_it() -> None:
    assert BuildParameters(fixture=0).geometry()["fixture"] == 0
    assert BuildParameters().geometry()["fixture"] == 1
    with pytest.raises(BuildParameterError, match="fixture = 0: must be 1 in a target"):
        BuildParameters.from_mapping({"fixture": "0"})
