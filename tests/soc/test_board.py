"""The SoC of boards, in Verilator: its memory, its faults, its registers, and the real PHY bit by bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sgdma.cli import app
from sgdma.engine.device import Dma
from sgdma.engine.identity import probe
from sgdma.errors import BuildParameterError, BusError, HashMismatch, MissingCapability, TargetUrlError, UsageError
from sgdma.rules import Direction
from sgdma.run import boards as known
from sgdma.spec.build import BuildParameters
from sgdma.spec.registers import FAULT_RANGES, MAGIC
from sgdma.spec.status import Port
from sgdma.targets import Target, conformance, open_target
from sgdma.targets.board import BoardTarget
from sgdma.targets.sim.board import BoardBuild, VirtualBoard, build_board

pytestmark = pytest.mark.sim


def built(**options: Any) -> BoardBuild:
    virtual = known.board("virtual")
    parameters = BuildParameters(clock_hz=virtual.clock_hz)
    return build_board(parameters, known.chosen(virtual, parameters, **options))


@pytest.fixture(scope="module", params=[False, True], ids=["block RAM", "SDRAM"])
def board(request: pytest.FixtureRequest) -> Iterator[VirtualBoard]:
    with VirtualBoard(built(dram=request.param), "--tcp", "0") as started:
        yield started


@pytest.fixture
def target(board: VirtualBoard) -> Iterator[BoardTarget]:
    with open_target(f"uart:{board.port}?timeout=120") as opened:
        assert isinstance(opened, BoardTarget)
        yield opened


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
def test_a_virtual_board_keeps_the_contract(target: BoardTarget, check: Callable[[Target], None]) -> None:
    check(target)


def test_the_tcp_port_is_the_same_board(board: VirtualBoard, request: pytest.FixtureRequest) -> None:
    expected = known.board("virtual").dma_bytes(request.node.callspec.params["board"])
    with open_target(f"uart:socket://localhost:{board.tcp}?timeout=120") as opened:
        assert opened.memory_bytes == expected


def test_bytes_of_a_word_are_written_without_reading_it(target: BoardTarget) -> None:
    """Every start and size: what lies beside the range stays the board's."""
    region = target.allocate(64)
    for start in range(4):
        for size in range(1, 10):
            target.write_block(region.iova, np.full(4, 0xEEEEEEEE, np.uint32))
            region.array[:16] = np.arange(1, 17)
            target.sync_for_device(region, start, size)
            held = target.read_block(region.iova, 4).astype("<u4").view(np.uint8)
            expected = np.full(16, 0xEE, np.uint8)
            expected[start : start + size] = region.array[start : start + size]
            assert held.tolist() == expected.tolist(), (start, size)
    target.free(region)


def test_allocated_memory_is_zero_whoever_used_it(target: BoardTarget) -> None:
    """Pages that nobody wrote are passed over, the others are cleared, at both ends of a region as well."""
    first = target.allocate(3 * 4096 + 64, 64)
    target.write_block(first.iova, np.full(first.size // 4, 0xFFFFFFFF, np.uint32))
    neighbour = target.allocate(64, 64)
    target.write_block(neighbour.iova, np.full(16, 0x55555555, np.uint32))
    target.free(first)
    again = target.allocate(3 * 4096 + 64, 64)
    assert again.iova == first.iova
    assert not target.read_block(again.iova, again.size // 4).any()
    assert (target.read_block(neighbour.iova, 16) == 0x55555555).all()
    target.free(again)
    target.free(neighbour)


def test_a_range_that_fails_ends_where_it_says(target: BoardTarget) -> None:
    """Bursts beside it are unharmed, hits are counted, more ranges than there are is refused."""
    with Dma(target, arena=1 << 20, interrupts=False) as dma:
        buffer = dma.buffer(8192, 4096)
        buffer.array[:] = 7
        target.faults.read_error(buffer.iova + 4096, 64)
        good = dma.submit_raw(Direction.H2C, [(buffer.iova, 4096)], port=Port.PATTERN)
        bad = dma.submit_raw(Direction.H2C, [(buffer.iova + 4096, 64)], port=Port.PATTERN)
        assert good.wait().ok
        assert bad.wait().status_name == "BUS_ERROR"
        assert target.read_board("fault_hits") == 1
        for _ in range(FAULT_RANGES - 1):
            target.faults.unmap(buffer.iova, 4)
        with pytest.raises(MissingCapability, match="holds 4 faulty ranges"):
            target.faults.unmap(buffer.iova, 4)
        target.faults.clear()
        assert dma.submit_raw(Direction.H2C, [(buffer.iova + 4096, 64)], port=Port.PATTERN).wait().ok


def test_bad_writes_change_nothing_and_good_ones_beside_them_do(target: BoardTarget) -> None:
    """What the guard refuses leaves memory as it was."""
    with Dma(target, arena=1 << 20, interrupts=False) as dma:
        places = [dma.buffer(4096, 4096, residue=8) for _ in range(3)]  # c2h of `peculiar` starts at 8 modulo 16
        for buffer in places:
            buffer.array[:] = 0x5A
            target.write_block(buffer.iova - 8, np.full(1024, 0x5A5A5A5A, np.uint32))
        target.faults.write_error(places[1].iova, 64)
        done = [dma.submit_raw(Direction.C2H, [(buffer.iova, 64)], port=Port.PATTERN).wait() for buffer in places]
        assert [record.status_name for record in done if record] == ["OK", "BUS_ERROR", "OK"]
        held = [target.read_block(buffer.iova, 16) for buffer in places]
        assert (held[1] == 0x5A5A5A5A).all()
        assert not (held[0] == 0x5A5A5A5A).any()
        assert np.array_equal(held[0], held[2])
        target.faults.clear()


def test_an_address_of_nobody_is_an_error_and_the_bus_lives_on(target: BoardTarget) -> None:
    """Reading and writing between memory and registers; behind it all is as before."""
    with pytest.raises(BusError, match="0xa0000000"):
        target.read32(0xA000_0000)
    target.write32(0xA000_0000, 1)
    with pytest.raises(BusError, match="0xa0000000"):
        target.read32(target.bases["sgdma"])
    assert target.read32(target.bases["sgdma"]) == MAGIC


def test_a_bitstream_of_another_build_is_refused(
    board: VirtualBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`board=` names a build: its hash must be what the device shows."""
    monkeypatch.setenv("SGDMA_BUILD_DIR", str(tmp_path))
    with pytest.raises(TargetUrlError, match="sgdma build mine"):
        open_target(f"uart:{board.port}?board=mine")
    kept = tmp_path / "boards" / "mine"
    kept.mkdir(parents=True)
    for content, good in ((board.build.content_hash, True), (board.build.content_hash ^ 1, False)):
        (kept / "build.json").write_text(json.dumps({"content_hash": f"{content:032x}"}))
        with open_target(f"uart:{board.port}?board=mine&timeout=20") as opened:
            if good:
                assert probe(opened).content_hash == content
            else:
                with pytest.raises(HashMismatch, match="stale or foreign"):
                    probe(opened)


def test_probe_and_monitor_tell_of_link_and_self_test(board: VirtualBoard) -> None:
    wide = {"COLUMNS": "300"}
    url = f"uart:{board.port}?timeout=120"
    told = CliRunner().invoke(app, ["probe", "--target", url], env=wide)
    assert told.exit_code == 0, told.output
    assert "kind reliable" in told.output
    assert "8192 KiB of SDRAM" in told.output or "16384 KiB of block RAM" in told.output
    told = CliRunner().invoke(app, ["monitor", "--target", url, "--no-follow"], env=wide)
    assert told.exit_code == 0, told.output
    assert "ok 1 - clock" in told.output
    assert "not ok" not in told.output


@pytest.mark.parametrize(
    ("baud", "skew", "glitch"), [(3_000_000, 0, 0), (1_000_000, 20_000, 0), (2_000_000, -20_000, 100)]
)
def test_the_real_phy_bit_by_bit(baud: int, skew: int, glitch: int) -> None:
    """RS-232 at the pins: several rates, a clock that is 2 % off either way, glitches; nothing is lost or changed.

    By TCP, on which no rate is agreed upon; the host is told a slow one, since bits in simulation take their time.
    """
    build = built(cpu=False, bits=True, baud=baud)
    line = ("--tcp", "0", "--baud", str(baud), "--skew", str(skew), "--glitch", str(glitch), "--seed", "7")
    data = np.random.default_rng(baud).integers(0, 1 << 32, 256, np.uint32)
    with (
        VirtualBoard(build, *line) as started,
        open_target(f"uart:socket://localhost:{started.tcp}?timeout=60&baud=9600&link=reliable") as opened,
    ):
        region = opened.allocate(1024)
        opened.write_block(region.iova, data)
        assert np.array_equal(opened.read_block(region.iova, 256), data)


def test_what_no_board_can_be_is_refused() -> None:
    with pytest.raises(BuildParameterError, match="power of two"):
        known.chosen(known.board("virtual"), BuildParameters(), memory=12345, cpu=False)
    with pytest.raises(BuildParameterError, match=r"8192\.\.16777216"):  # its images would reach the CPU's SRAM
        known.chosen(known.board("virtual"), BuildParameters(), memory=32 << 20, cpu=False)
    with pytest.raises(TargetUrlError, match="memory = 'lots': must be an integer"):
        open_target("sim:uart?memory=lots")
    with pytest.raises(TargetUrlError, match="no sim:usb"):
        open_target("sim:usb")
    with pytest.raises(BuildParameterError, match="link"):
        known.chosen(known.board("virtual"), BuildParameters(), cpu=False, link="carrier pigeon")
    with pytest.raises(UsageError, match=r"unknown; there are .*ulx3s"):
        known.board("nonesuch")
