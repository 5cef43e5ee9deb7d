"""The generated design without the fixture: what a user integrates."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

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
STYLE = [f"-Wno-{rule}" for rule in ("CASEINCOMPLETE", "MULTIDRIVEN", "PROCASSINIT", "TIMESCALEMOD", "UNUSEDSIGNAL",
                                     "WIDTHEXPAND", "WIDTHTRUNC")]  # fmt: skip


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
    said = ports((bare / "gateware" / "sgdma_standalone.v").read_text())
    others = {name for name in said if not name.startswith(("mem_", "csr_"))} - {"clk", "rst", "irq", "vectors"}
    assert {name: said[name] for name in others} == USER_PORTS


def test_the_register_map_has_no_fixture_and_the_device_where_it_was(bare: Path) -> None:
    said = json.loads((bare / "csr.json").read_text())
    assert set(said["csr_bases"]) == {"sgdma"}
    addresses = {f"sgdma_{register.name}": DEVICE.address(register.name) for register in DEVICE.registers}
    assert {name: register["addr"] for name, register in said["csr_registers"].items()} == addresses
    assert "CSR_FIXTURE_" not in (bare / "csr.h").read_text()


def test_the_design_is_complete_without_the_fixture(bare: Path) -> None:
    """Verilator elaborates and lints it; `STYLE` is LiteX's way of writing, and its untyped parameters."""
    build = json.loads((bare / "build.json").read_text())
    assert not [name for name in build["sources"] if "fixture" in name]
    environment = verilator_environment()
    executable = shutil.which("verilator", path=environment["PATH"])
    assert executable, "Verilator is missing"
    shutil.copy(ROOT / "rtl" / "waivers.vlt", bare)
    files = ["waivers.vlt", *(f"gateware/{name}" for name in build["sources"])]
    command = [executable, "--lint-only", "-Wall", *STYLE, "--top-module", build["top"], *files]
    done = subprocess.run(command, cwd=bare, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_the_content_hash_tells_it_from_the_build_with_fixture(bare: Path, tmp_path: Path) -> None:
    said = int(json.loads((bare / "build.json").read_text())["content_hash"], 16)
    assert generated(tmp_path, data_width=128) != said
    assert "sgdma_fixture.sv" in json.loads((tmp_path / "build.json").read_text())["sources"]


def test_the_device_says_so_and_no_target_has_it() -> None:
    assert BuildParameters(fixture=0).geometry()["fixture"] == 0
    assert BuildParameters().geometry()["fixture"] == 1
    with pytest.raises(BuildParameterError, match="fixture = 0: must be 1 in a target"):
        BuildParameters.from_mapping({"fixture": "0"})
