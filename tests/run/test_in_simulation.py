"""The whole way once: a suite on the model and in the simulator, with a failure, waves and a hole in the parity."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sgdma.run.vcd import samples

SUITE = """
import pytest
from sgdma.run.compare import assert_same

def test_good(dma, rng):
    data = rng.integers(0, 256, 4096).astype("u1")
    back = dma.buffer(4096)
    dma.write(data).result()
    dma.read(back).result()
    assert_same(back, data)

def test_bad(dma, target):
    back = dma.buffer(64)
    dma.write(bytes(64)).result()
    dma.read(back).result()
    if "CYCLE_EXACT" in str(target.capabilities):
        back.array[5] ^= 1
    assert_same(back, bytes(64))

@pytest.mark.needs("waves")
def test_memory_made_slow(dma):
    dma.target.faults.timing(latency=3000)
    dma.write(bytes(64)).result()
    dma.fixture.write("command", snapshot=1)

def test_the_next_is_as_fast_as_ever_and_counts_from_zero(dma):
    assert dma.fixture.read("h2c_beats") == 0
    begin = dma.now()
    assert dma.write(bytes(64)).result().timestamp - begin < 3000
"""
ABSENT_ON_THE_MODEL = """
def pytest_collection_modifyitems(config, items):
    if config.option.target == "model:":
        items[:] = [item for item in items if item.name != "test_good"]
"""


def sgdma(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from sgdma.cli import app; app()", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900)


@pytest.mark.sim
def test_a_run_on_two_targets(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(ABSENT_ON_THE_MODEL)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = sgdma("test", "--target", "model:", "--target", "sim:", "--run-dir", "here", "--waves=1", "test_it.py",
                 cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    run = tmp_path / "here"
    targets = json.loads((run / "passport.json").read_text())["targets"]
    assert [targets[name]["exit_status"] for name in ("model", "sim")] == [0, 1]
    assert targets["model"]["seed"] == targets["sim"]["seed"]
    (bundle,) = (run / "failures/sim").glob("*.json")
    told = json.loads(bundle.read_text())
    assert told["data"]["offset"] == 5
    assert (run / told["waves"]).stat().st_size > 10_000
    assert told["waves_note"] == ""
    page = (run / "report.html").read_text()
    assert "Silently absent on a target: 1" in page
    assert "model: lacks waves" in page
    again = sgdma("report", "here", cwd=tmp_path)
    assert again.returncode == 1
    assert "absent on model:: test_it::test_good" in again.stdout


LOST = """
from sgdma.spec.status import Port

def test_a_completion_never_comes(dma):
    dma.write(bytes(4096)).result()
    dma.fixture.write("control", hold_h2c=1)
    dma.write(bytes(64), port=Port.LOOPBACK).result(1_000_000)
"""


@pytest.mark.sim
def test_waves_of_a_timeout_are_bounded_and_have_its_cause_and_its_end(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(LOST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = sgdma("test", "--target", "sim:", "--run-dir", "here", "--waves-limit=9", "test_it.py", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    (bundle,) = (tmp_path / "here/failures/sim").glob("*.json")
    told = json.loads(bundle.read_text())
    files = list((tmp_path / "here/waves").iterdir())
    assert sum(path.stat().st_size for path in files) < 10 << 20
    cycles = int(re.findall(r"without (\d+) cycles of waiting", told["waves_note"])[0])
    assert 900_000 < cycles < 1_100_000
    assert told["waves_note"].endswith("--waves-limit=0")
    seen, (first,) = told["waves_run"], [path for path in files if path.name.endswith(".first.vcd")]
    end = int(seen["link"]["waves_ps"])
    (lost,) = seen["pending"]
    rung = end - (seen["time"] - lost["rung"]) * int(seen["link"]["cycle_ps"])
    assert times(first)[0] < rung < times(first)[-1]
    assert any(times(path)[0] < end < times(path)[-1] for path in files)
    read = samples(first, "sgdma_tb.clk", {"address": "sgdma_tb.mem_araddr", "valid": "sgdma_tb.mem_arvalid"})
    assert len({row["address"] for row in read if row["valid"]}) >= 4096 // 512


def times(path: Path) -> list[int]:
    return [int(line[1:]) for line in path.read_text().splitlines() if line.startswith("#")]


@pytest.mark.sim
def test_a_bench_of_a_simulated_target_runs_inside(tmp_path: Path) -> None:
    done = sgdma("bench", "throughput", "--json", "rows.json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert {row["direction"] for row in rows} == {"H2C", "C2H"}
    assert all(0 < row["utilisation"] <= 1 for row in rows)


@pytest.mark.sim
def test_the_core_is_generated(tmp_path: Path) -> None:
    done = sgdma("gen", "--rules", "nvme-prp", "--data-width", "128", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    build = json.loads((tmp_path / "out/build.json").read_text())
    assert build["parameters"]["data_width"] == 128
    assert build["content_hash"] in done.stdout
