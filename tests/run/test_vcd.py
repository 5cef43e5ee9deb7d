"""Waves as numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgdma.errors import UsageError
from sgdma.run.vcd import samples

WAVES = """$timescale 1ns $end
$scope module top $end
 $var wire 1 ! clk $end
 $scope module inner $end
  $var wire 4 " count [3:0] $end
  $var wire 1 # valid $end
 $upscope $end
$upscope $end
$enddefinitions $end
#0
0!
bxx01 "
0#
#5
1!
b0010 "
#10
0!
1#
#15
1!
b0011 "
0#
#20
0!
"""


def test_signals_are_sampled_before_the_edge_that_changes_them(tmp_path: Path) -> None:
    (tmp_path / "a.vcd").write_text(WAVES)
    found = list(samples(tmp_path / "a.vcd", "top.clk", {"n": "top.inner.count", "v": "top.inner.valid"}))
    assert found == [{"n": 1, "v": 0}, {"n": 2, "v": 1}]


def test_a_missing_signal_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.vcd").write_text(WAVES)
    with pytest.raises(UsageError, match=r"has no signal top\.other"):
        list(samples(tmp_path / "a.vcd", "top.clk", {"o": "top.other"}))
