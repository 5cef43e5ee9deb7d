"""`sgdma bench area`: what is read from the tools' reports, and that they give them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sgdma.bench.area import run, table, tools
from sgdma.bench.area.grid import GRIDS, Point, points
from sgdma.errors import BuildParameterError, MissingTool, UsageError

STAT = """
{
   "creator": "Yosys 0.70",
   "invocation": "stat -json ",
   "modules": {"\\\\top": {"num_cells": 3}},
   "design": {
      "num_wires": 6526,
      "num_cells_by_type": {
         "$scopeinfo": 37, "CARRY4": 409, "FDRE": 3834, "FDSE": 41, "INV": 207, "LUT1": 1, "LUT2": 768, "LUT3": 467,
         "LUT4": 364, "LUT5": 846, "LUT6": 345, "MUXF7": 2, "RAM128X1D": 1, "RAM32M": 102, "RAM64M": 4, "RAMB18E1": 15,
         "RAMB36E1": 4
      }
   }
}
"""
ECP5 = {"CCU2C": 778, "DP16KD": 22, "LUT4": 4091, "PFUMX": 423, "TRELLIS_DPR16X4": 179, "TRELLIS_FF": 5091}
REPORT = """
{"critical_paths": [], "utilization": {"TRELLIS_COMB": {"available": 83640, "used": 7131}},
 "fmax": {"clk": {"achieved": 127.150146484375, "constraint": 150}, "other": {"achieved": 300.5, "constraint": 150}}}
"""
COLUMNS = {"data_width", "queue_pairs", "rules", "lut_xc7", "ff_xc7", "lutram_xc7", "inv_xc7", "bram", "carry",
           "lut_ecp5", "ff_ecp5", "fmax_ecp5_mhz", "seeds"}  # fmt: skip


def test_cells_become_columns() -> None:
    assert tools.xc7_row(tools.read_cells(STAT)) == {
        "lut_xc7": 2791, "ff_xc7": 3875, "lutram_xc7": 428, "inv_xc7": 207, "bram": 11.5, "carry": 409,
    }  # fmt: skip
    assert tools.ecp5_row(ECP5) == {"lut_ecp5": 4091, "ff_ecp5": 5091}


def test_the_slowest_clock_counts() -> None:
    assert tools.fmax_mhz(REPORT) == pytest.approx(127.15, abs=0.01)


def test_grids_are_named_or_listed() -> None:
    assert set(GRIDS["guard"]) <= set(GRIDS["published"]) <= set(GRIDS["full"])
    assert points("64/1/aligned64,256/4/peculiar") == (Point(), Point(256, 4, "peculiar"))
    with pytest.raises(UsageError, match="grid 'nonsense': is none of guard, published, full"):
        points("nonsense")
    with pytest.raises(BuildParameterError, match="data_width = 65"):
        run("65/1/aligned64", seeds=0)


def test_the_table_has_a_line_a_row() -> None:
    row = {"data_width": 64, "queue_pairs": 1, "rules": "aligned64", "seeds": 0, "fmax_ecp5_mhz": None}
    lines = table([row | tools.xc7_row(tools.read_cells(STAT)) | tools.ecp5_row(ECP5)]).splitlines()
    assert lines[-1] == "| 64 | 1 | aligned64 | 2791 | 3875 | 428 | 207 | 11.5 | 409 | 4091 | 5091 |  |"


def test_a_missing_tool_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "top.v").write_text("module top; endmodule\n")
    monkeypatch.setattr(tools, "YOSYS", "no-such-yosys")
    with pytest.raises(MissingTool, match=r"no no-such-yosys .* pip install 'sgdma\[fpga\]'"):
        tools.Design(tmp_path, ["top.v"], "top")


@pytest.mark.deep
def test_a_configuration_is_synthesised_placed_and_routed() -> None:
    (row,) = run("guard", seeds=1)
    assert set(row) == COLUMNS
    assert (row["data_width"], row["queue_pairs"], row["rules"], row["seeds"]) == (64, 1, "aligned64", 1)
    assert 500 < row["lut_xc7"] < 3000
    assert 500 < row["lut_ecp5"] < 5000
    assert row["lutram_xc7"] < 1000
    assert row["bram"] <= 16
    assert 50 < row["fmax_ecp5_mhz"] < 500
    assert json.loads(json.dumps(row)) == row


@pytest.mark.deep
def test_what_was_made_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("guard", seeds=1)
    monkeypatch.setattr("subprocess.run", None)
    assert run("guard", seeds=1) == first


def test_comments_do_not_count_as_design() -> None:
    """What LiteX writes into them (a date, a tree in any order) makes no other design of it."""
    code = "module top (\n  input clk\n);\nendmodule\n"
    assert tools._code(f"// 1 January\n{code}") == tools._code(code)
    assert tools._code(f"/*\nTop\n└─── a\n└─── b\n*/{code}") == tools._code(f"/*\nTop\n└─── b\n└─── a\n*/{code}")
