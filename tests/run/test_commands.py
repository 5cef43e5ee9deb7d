"""The commands around the suite."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sgdma.bench.host
import sgdma.bench.plan
from sgdma import rules
from sgdma.cli import app, main
from sgdma.commands import simulated
from sgdma.commands.bench import benches
from sgdma.commands.test import pytest_arguments, suite_path
from sgdma.run import boards as known
from sgdma.run.record import create
from sgdma.targets import SCHEMES


def sgdma_says(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_benches_are_listed_with_what_they_measure() -> None:
    code, text = sgdma_says("bench")
    assert code == 0
    assert all(name in text for name in benches())


@pytest.mark.parametrize(("words", "told"), [
    (("bench", "nonsense"), "bench 'nonsense': unknown; there are"),
    (("bench", "plan", "--target", "model:"), "bench plan measures no device"),
    (("bench", "plan", "--requests", "5"), "bench plan has no --requests"),
    (("gen", "--output", "x", "--data-width", "65"), "data_width = 65: must be one of"),
    (("gen", "--output", "x", "--burst-bytes", "96"), "burst_bytes = 96: must be a power of two, 16..2048"),
    (("gen", "--output", "x", "--list-slots", "8"), "list_slots = 8: must be a power of two, 16..16384"),
    (("gen", "--output", "x", "--prefetch-slots", "33"), "prefetch_slots = 33: must be a power of two, 32..32768"),
    (("gen", "--output", "x", "--clock", "0"), "clock_hz = 0: must be 1..4294967295"),
    (("gen", "--output", "/proc/x"), "choose another --output"),
    (("gen", "--output", __file__), "choose another --output"),
    (("pcie", "bind", "xx"), "'xx' is no PCI address"),
    (("probe", "--target", "vfio:xx"), "'xx' is no PCI address"),
    (("test", "--target", "modell:"), "unknown scheme 'modell:'"),
    (("test", "--target", "model:", "--target", "model:"), "is given 2 times"),
    (("test", "--target", "model:?queues=99"), "must be 1..31"),
    (("test", "--target", "model:?rules=nosuch"), "no shipped rule set has that name"),
    (("test", "--seed", "-1"), "Invalid value for '--seed'"),
    (("loopback", __file__, "--seed", "-1"), "Invalid value for '--seed'"),
    (("bench", "host", "--requests", "-1"), "Invalid value for '--requests'"),
    (("serve", "--uart", "--tcp", "99999999"), "Invalid value for '--tcp'"),
    (("serve", "--pcie", "x", "--clients", "-1"), "Invalid value for '--clients'"),
    (("plan", "--card-address", "-1", "0+4"), "must be an integer, 0..0xffffffffffff"),
    (("plan", "--card-address", "1.5", "0+4"), "must be an integer, 0..0xffffffffffff"),
])  # fmt: skip
def test_wrong_usage_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = sgdma_says(*words)
    assert code == 2
    assert told in " ".join(text.split())
    assert not list(tmp_path.iterdir())


def test_rows_are_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"rules": "a", "ratio": 2.5, "pieces": 10}, {"rules": "b", "ratio": 3.5, "pieces": 10}]
    monkeypatch.setattr(sgdma.bench.plan, "run", lambda: rows)
    code, text = sgdma_says("bench", "plan", "--json", str(tmp_path / "rows.json"))
    assert code == 0
    assert json.loads((tmp_path / "rows.json").read_text()) == {"rows": rows}
    assert "plan: pieces 10" in text


@pytest.mark.parametrize("option", ["--json", "--chart"])
def test_a_place_that_can_not_be_written_is_told_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr(sgdma.bench.plan, "run", lambda: pytest.fail("measured"))
    monkeypatch.setattr(sgdma.bench.plan, "chart", lambda rows: "", raising=False)
    for place in (tmp_path, Path("/proc/rows")):
        code, text = sgdma_says("bench", "plan", option, str(place))
        assert code == 3
        assert f"another place with {option}" in " ".join(text.split())


def test_rows_may_differ_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sgdma.bench.plan, "run", lambda: [{"rules": "a", "ratio": 2.5}, {"rules": "a", "pieces": 10}])
    code, text = sgdma_says("bench", "plan")
    assert code == 0
    assert "plan: rules a" in text


def test_the_host_is_measured_with_few_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sgdma.bench.host, "BATCH", 64)
    options = {"requests": 640, "seconds": 0.001}
    monkeypatch.setattr(sgdma.bench.host, "run", functools.partial(sgdma.bench.host.run, **options))
    code, _ = sgdma_says("bench", "host", "--target", "null:?rules=aligned64", "--json", str(tmp_path / "rows.json"))
    assert code == 0
    *speeds, memory = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [(row["request"], row["pieces"], row["path"]) for row in speeds] == [
        (name, pieces, path)
        for name, pieces in (("scattered", 16), ("whole", 1), ("bounced", 1))
        for path in ("batch", "one by one")
    ]
    assert all(row["per_second"] > 0 and row["times"] > 0 for row in speeds)
    assert (memory["path"], memory["requests"]) == ("memory", 640)
    assert 0 < memory["mb_after_a_tenth"] < memory["mb_at_the_end"] + 100


def test_a_bench_of_the_model_measures_it() -> None:
    code, text = sgdma_says("bench", "throughput", "--target", "model:?queues=2")
    assert code == 0
    assert "target model:?queues=2" in " ".join(text.split())


def test_a_simulated_target_takes_the_command_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str, list[str]]] = []

    def inside(url: str, program: str, arguments: list[str]) -> int:
        calls.append((url, program, arguments))
        return 9

    monkeypatch.setattr(simulated, "run_in_simulator", inside)
    monkeypatch.setattr(sys, "argv", ["sgdma", "bench", "throughput"])
    assert main(["bench", "throughput"]) == 9
    assert calls == [("sim:", "sgdma", ["bench", "throughput"])]


def test_main_gives_the_exit_code() -> None:
    assert main(["rules", "list"]) == 0
    assert main(["bench", "nonsense"]) == 2


def test_the_suite_is_run_unless_paths_are_given(tmp_path: Path) -> None:
    run = create(tmp_path / "r")
    alone = pytest_arguments("model:", run, 5, ["-k", "ring"])
    assert alone[-3:] == ["-k", "ring", str(suite_path())]
    assert alone[alone.index("-m") + 1] == "not deep"
    assert "--seed=5" in alone
    given = pytest_arguments("model:", run, 5, ["-m", "deep", f"{tmp_path}::test_x"])
    assert str(suite_path()) not in given
    assert given.count("-m") == 1


def test_a_word_that_is_no_path_keeps_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = create(tmp_path / "r")
    (tmp_path / "ring").mkdir()
    (tmp_path / "test_mine.py").touch()
    suite = str(suite_path())
    assert suite in pytest_arguments("model:", run, 5, ["-k", "ring"])
    for words in (["ring"], ["-k", "ring", "ring"], ["-x", "test_mine.py"], ["-x", "./ring"], ["test_mine.py::test_x"]):
        assert suite not in pytest_arguments("model:", run, 5, words)


def test_wrong_usage_of_pytest_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes").touch()
    code, text = sgdma_says("test", "--sede", "3", "--run-dir", str(tmp_path / "r"))
    assert code == 2
    assert "green" not in text
    assert not (tmp_path / "r").exists()
    assert sgdma_says("test", "--sede", "3", "--run-dir", str(tmp_path / "kept"))[0] == 2
    assert (tmp_path / "kept" / "notes").exists()


@pytest.mark.parametrize(("words", "names"), [
    (("boards",), [board.name for board in known.boards()]),
    (("rules", "list"), rules.names()),
    (("targets",), [f"{name}:" for name in SCHEMES]),
])  # fmt: skip
def test_what_is_to_be_typed_is_whole_at_80_columns(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], names: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, text = sgdma_says(*words)
    first = {line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")}
    assert set(names) <= first
    if words == ("targets",):
        assert "…" not in text
