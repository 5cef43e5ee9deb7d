"""Every board there is: its design can be written; the bitstream of ULX3S can be built from pip packages."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sgdma.errors import BuildParameterError, StaleBitstream, SynthesisError, UsageError
from sgdma.run import boards as known
from sgdma.spec.build import BuildParameters
from sgdma_soc.boards import boards as names

NAMES = [name for name in names() if name != "virtual"]


def parameters(name: str, **more: int) -> BuildParameters:
    board = known.board(name)
    return BuildParameters(queues=board.queues, clock_hz=more.get("clock_hz", board.clock_hz),
                           memory_bytes=board.card_bytes, loopback_bytes=4096)  # fmt: skip


def built(name: str, output: Path, *, compile: bool, dram: bool = False, **more: int) -> dict[str, object]:
    board = known.board(name)
    chosen = parameters(name, **more)
    if dram:
        chosen = replace(chosen, data_width=board.dram.data_width)
    options = known.chosen(board, chosen, cpu=False, dram=dram)
    return known.build(name, chosen, options, compile=compile, output=output)


@pytest.mark.sim
@pytest.mark.parametrize("name", NAMES)
def test_the_design_of_a_board_is_written(name: str, tmp_path: Path) -> None:
    """With constraints, the script of its tools, register map and the hash that the device will show."""
    told = built(name, tmp_path, compile=False)
    assert json.loads((tmp_path / "build.json").read_text()) == json.loads(json.dumps(told))
    files = {path.name for path in (tmp_path / "gateware").iterdir()}
    assert f"sgdma_{name}.v" in files
    assert len(files) > 1, files
    assert "sgdma" in json.loads((tmp_path / "csr.json").read_text())["csr_bases"]
    with pytest.raises(UsageError, match="--no-compile"):
        known.flash(name, tmp_path)


@pytest.mark.sim
@pytest.mark.parametrize("name", [name for name in NAMES if known.board(name).dram])
def test_the_design_of_a_board_with_its_dram_is_written(name: str, tmp_path: Path) -> None:
    """Its pins are constrained, and none of LiteDRAM's registers is on the bus: what starts it is in the gateware."""
    told = built(name, tmp_path, compile=False, dram=True)
    assert told["options"]["dram"]  # type: ignore[index]
    registers = json.loads((tmp_path / "csr.json").read_text())
    assert set(registers["csr_bases"]) == {"board", "fixture", "sgdma"}
    assert registers["memories"]["dma_memory"]["size"] == 16 * known.board(name).dram.memory_bytes


@pytest.mark.sim
def test_what_dram_needs_is_asked_for(tmp_path: Path) -> None:
    """A core narrower than what the controller gives at a time; a board that has none."""
    chosen = parameters("ecpix5")
    with pytest.raises(BuildParameterError, match="build it with --data-width 128"):
        known.build("ecpix5", chosen, known.chosen(known.board("ecpix5"), chosen, cpu=False, dram=True), compile=False,
                    output=tmp_path)  # fmt: skip
    with pytest.raises(UsageError, match="build it without --dram"):
        known.chosen(known.board("arty"), chosen, cpu=False, dram=True)


@pytest.mark.sim
def test_the_options_of_a_board_are_in_its_design(tmp_path: Path) -> None:
    """CPU with its ROM and SRAM, and the analyser with its registers."""
    chosen = parameters("ulx3s")
    options = known.chosen(known.board("ulx3s"), chosen, cpu=True, scope=True)
    told = known.build("ulx3s", chosen, options, compile=False, output=tmp_path)
    registers = json.loads((tmp_path / "csr.json").read_text())
    assert {"rom", "sram", "dma_memory"} <= set(registers["memories"])
    assert "analyzer" in registers["csr_bases"]
    assert told["options"]["scope"]  # type: ignore[index]


def test_the_virtual_board_has_no_bitstream() -> None:
    with pytest.raises(UsageError, match="sgdma serve --uart"):
        known.build("virtual", parameters("ulx3s"), None, compile=True, output=None)


@pytest.mark.sim
def test_a_stale_bitstream_is_refused(tmp_path: Path) -> None:
    built("ulx3s", tmp_path, compile=False)
    record = json.loads((tmp_path / "build.json").read_text())
    (tmp_path / "build.json").write_text(json.dumps(record | {"sources_digest": "0"}))
    with pytest.raises(StaleBitstream, match="build it anew: sgdma build ulx3s"):
        known.flash("ulx3s", tmp_path)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("name", "dram"),
    [("ulx3s", False), ("colorlight_i5", False), ("ecpix5", False), ("ulx3s", True), ("ecpix5", True)],
)
def test_a_bitstream_is_built_and_meets_its_clock(name: str, dram: bool) -> None:
    begin = time.monotonic()
    told = built(name, known.build_directory(name), compile=True, dram=dram)
    assert (known.build_directory(name) / str(told["bitstream"])).stat().st_size > 100_000
    assert float(str(told["fmax_mhz"])) >= known.board(name).clock_hz / 1e6
    print(f"{name}: {told['fmax_mhz']} MHz, {told['used']}, {time.monotonic() - begin:.0f} s")


@pytest.mark.deep
def test_a_clock_that_is_not_met_is_an_error_and_leaves_no_bitstream(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="the clock reaches"):
        built("ulx3s", tmp_path, compile=True, clock_hz=200_000_000)
    assert not list((tmp_path / "gateware").glob("*.bit"))
