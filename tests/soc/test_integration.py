"""docs/integration.md is true: its table of ports, and its examples in soc/examples."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sgdma.paths import checkout_root
from sgdma.run.generator import generate
from sgdma.spec.build import BuildParameters
from sgdma.targets.sim.build import verilator_environment
from sgdma_soc.core import rtl_sources
from sgdma_soc.standalone import NAME, combinational

ROOT = checkout_root()
EXAMPLES = ROOT / "soc" / "examples"


def documented(width: int, queues: int) -> dict[str, tuple[str, int]]:
    """Direction and bits of every port in the page's table."""
    bits = {"W": width, "W/8": width // 8, "Q + 1": queues + 1}
    rows = re.findall(r"^\| (`[^|]*`) \| (in|out) \| ([^|]+) \|", (ROOT / "docs" / "integration.md").read_text(), re.M)
    return {name: (f"{direction}put", bits[size] if size in bits else int(size))
            for names, direction, size in rows for name in re.findall(r"`(\w+)`", names)}  # fmt: skip


@pytest.mark.parametrize(("width", "queues"), [(64, 4), (256, 1)])
def test_the_table_of_ports_is_that_of_the_generated_module(width: int, queues: int, tmp_path: Path) -> None:
    generate(BuildParameters(data_width=width, queues=queues, fixture=0), tmp_path)
    verilog = (tmp_path / "gateware" / f"{NAME}.sv").read_text()
    head = verilog[verilog.index(f"module {NAME}") : verilog.index(");")]
    found = re.findall(r"(input|output)\s+(?:wire|reg)\s+(?:\[(\d+):0\])?\s*(\w+)", head)
    assert documented(width, queues) == {name: (way, int(high or 0) + 1) for way, high, name in found}


def lint(top: str, *files: str | Path, options: tuple[str, ...] = ()) -> str:
    """What Verilator has to say; empty when all is well."""
    environment = verilator_environment()
    executable = shutil.which("verilator", path=environment["PATH"])
    assert executable, "Verilator is missing"
    command = [executable, "--lint-only", *options, "--top-module", top, *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("- "))


def simulated(directory: Path) -> str:
    """The page's commands; what the second one says."""
    generate(BuildParameters(rules="unrestricted", fixture=0), directory)
    paths = [str(ROOT / name) for name in ("host", "soc", "cocotb_tests")]
    done = subprocess.run([sys.executable, str(EXAMPLES / "bench_increment.py"), str(directory)], check=False,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


@pytest.mark.sim
def test_own_logic_around_the_core_runs_in_simulation(tmp_path: Path) -> None:
    """Verilator's warnings are errors in it. It is done when requests went through, one that was aborted as well."""
    assert "PASS=1 FAIL=0" in simulated(tmp_path)


@pytest.mark.sim
@pytest.mark.parametrize("width", [128, 512])
def test_the_verilog_example_is_clean_at_other_widths(width: int, tmp_path: Path) -> None:
    generate(BuildParameters(data_width=width, queues=1, fixture=0), tmp_path)
    gateware = tmp_path / "gateware"
    said = lint("own_top", gateware / "waivers.vlt", "-F", gateware / "sgdma.f", EXAMPLES / "increment.sv",
                EXAMPLES / "own_top.sv", options=("-Wall", f"-GWIDTH={width}"))  # fmt: skip
    assert said == ""


def own_soc(parameters: BuildParameters) -> tuple[Any, Any]:
    """The LiteX example on a platform of pads, and that platform."""
    from litex.build.generic_platform import GenericPlatform, Pins, Subsignal
    from litex.soc.interconnect.axi import AXIInterface

    specification = importlib.util.spec_from_file_location("own_soc", EXAMPLES / "own_soc.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    memory = AXIInterface(data_width=parameters.data_width, address_width=64, id_width=1).get_ios("mem")
    platform = GenericPlatform("", [
        ("clk", 0, Pins(1)), ("rst", 0, Pins(1)), ("irq", 0, Pins(1)), *memory,
        ("serial", 0, Subsignal("tx", Pins(1)), Subsignal("rx", Pins(1))),
    ], name="own_soc")  # fmt: skip
    soc = module.OwnSoC(platform, parameters)
    soc.finalize()
    return soc, platform


@pytest.mark.sim
def test_the_litex_example_elaborates_with_its_registers_in_place(tmp_path: Path) -> None:
    """And without a delayed assignment in combinational logic, once `combinational` has been over it."""
    parameters = BuildParameters(data_width=128)
    soc, platform = own_soc(parameters)
    assert soc.csr_regions["sgdma"].origin == soc.mem_map["csr"]
    assert any(soc.sgdma.identity()[f"hash{index}"] for index in range(4))
    verilog = str(platform.get_verilog(soc, name="own_soc"))
    (tmp_path / "own_soc.sv").write_text(combinational(verilog))
    style = ("WIDTHEXPAND", "WIDTHTRUNC", "CASEINCOMPLETE", "TIMESCALEMOD")
    files = [ROOT / "rtl" / "waivers.vlt", *rtl_sources(ROOT), EXAMPLES / "increment.sv", tmp_path / "own_soc.sv"]
    assert lint("own_soc", *files, options=tuple(f"-Wno-{rule}" for rule in style)) == ""
