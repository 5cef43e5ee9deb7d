"""What a run leaves behind is whole or not there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from sgdma.errors import RunDirectoryError
from sgdma.run import record
from sgdma.run.record import RunDirectory, create, key_of, open_existing, slug, write_atomically
from sgdma.run.transactions import BUFFERED, TransactionLog
from sgdma.spec.layout import COMPLETION


def full_disk(handle: int, mode: str) -> IO[bytes]:
    os.close(handle)
    return Path("/dev/full").open(mode)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "passport.json"
    write_atomically(path, "old")
    monkeypatch.setattr(record.os, "fdopen", full_disk)
    with pytest.raises(RunDirectoryError, match=r"passport\.json can't be written: No space left.*--run-dir"):
        write_atomically(path, "new and longer")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["passport.json"]


def test_a_place_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match=r"file/run can't be written"):
        create(tmp_path / "file" / "run")
    with pytest.raises(RunDirectoryError, match=r"can't be written"):
        create(base=tmp_path / "file")


def test_runs_of_one_second_get_names_of_their_own_and_latest_follows(tmp_path: Path) -> None:
    runs = [create(base=tmp_path / "runs") for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    assert (tmp_path / "runs/latest").resolve() == runs[-1].path
    assert not [path for path in (tmp_path / "runs").iterdir() if path.name.startswith(".")]


def test_a_directory_is_joined_and_its_passport_kept(tmp_path: Path) -> None:
    first = create(tmp_path / "run")
    first.update_target("model", {"seed": 1})
    second = create(tmp_path / "run")
    second.update_target("sim", {"seed": 2})
    second.update_target("model", {"exit_status": 0})
    assert open_existing(tmp_path / "run").passport["targets"] == {
        "model": {"seed": 1, "exit_status": 0}, "sim": {"seed": 2},
    }  # fmt: skip


def test_the_passport_says_with_what_it_was_made(tmp_path: Path) -> None:
    passport = create(tmp_path / "run").passport
    assert passport["packages"]["numpy"] == np.__version__
    assert passport["started"].endswith("Z")
    assert {"host", "python", "git", "command"} <= passport.keys()


def test_what_is_not_committed_is_kept_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.setattr("sgdma.run.passport.checkout_root", lambda: checkout)
    for command in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "A"]):
        subprocess.run(["git", *command], cwd=checkout, check=True)
    (checkout / "core.sv").write_text("a >= b\n")
    for command in (["add", "core.sv"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=checkout, check=True)
    assert not (create(tmp_path / "clean").path / "changes.diff").exists()
    (checkout / "core.sv").write_text("a > b\n")
    (checkout / "mine.toml").touch()
    run = create(tmp_path / "dirty")
    lines = (run.path / "changes.diff").read_text().splitlines()
    assert {"# not in git: mine.toml", "-a >= b", "+a > b"} <= set(lines)
    run.forget()
    assert not run.path.exists()


def test_metrics_gather(tmp_path: Path) -> None:
    run = create(tmp_path / "run")
    run.add_metrics([{"a": 1}])
    run.add_metrics([{"a": 2}])
    assert run.metrics == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(("content", "told"), [("{", "can't be read"), ("[]", "holds a list")])
def test_a_damaged_passport_is_told_apart_from_a_missing_one(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        open_existing(tmp_path)
    (tmp_path / "passport.json").write_text(content)
    with pytest.raises(RunDirectoryError, match=told):
        open_existing(tmp_path)


@pytest.mark.parametrize(("url", "name"), [
    ("model:", "model"), ("sim:?rules=nvme-prp&data_width=128", "sim-rules-nvme-prp-data_width-128"),
    ("uart:/dev/ttyUSB0", "uart-dev-ttyUSB0"), (":", "target"),
])  # fmt: skip
def test_urls_become_file_names(url: str, name: str) -> None:
    assert slug(url) == name


def test_long_urls_stay_short_and_apart() -> None:
    one, two = slug("vfio-user:/" + "a" * 300), slug("vfio-user:/" + "a" * 301)
    assert one != two
    assert max(len(one), len(two)) <= 80


@pytest.mark.parametrize(("nodeid", "key"), [
    ("host/sgdma/suite/test_a.py::test_b", "host.sgdma.suite.test_a::test_b"),
    ("a/test_a.py::TestC::test_b[x::y-1/2]", "a.test_a.TestC::test_b[x::y-1/2]"),
])  # fmt: skip
def test_keys_are_those_of_junit(nodeid: str, key: str) -> None:
    from _pytest.junitxml import mangle_test_address

    *classname, name = mangle_test_address(nodeid)
    assert key_of(nodeid) == key == f"{'.'.join(classname)}::{name}"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_appears_whole_when_it_is_closed(tmp_path: Path) -> None:
    log = TransactionLog(tmp_path / "t.jsonl")
    for number in range(BUFFERED + 1):
        log.note("ring", queue=0, tail=number, time=number)
    assert not (tmp_path / "t.jsonl").exists()
    log.close()
    assert [line["tail"] for line in lines(tmp_path / "t.jsonl")] == list(range(BUFFERED + 1))
    assert names(tmp_path) == ["t.jsonl"]


def test_the_log_says_where_it_ends(tmp_path: Path) -> None:
    log = TransactionLog(tmp_path / "t.jsonl", limit=1000)
    for number in range(10 * BUFFERED):
        log.note("ring", queue=0, tail=number, time=number)
    log.close()
    written = lines(tmp_path / "t.jsonl")
    assert written[-1] == {"event": "truncated", "limit": 1000}
    assert len(written) == BUFFERED + 1


def test_a_log_that_cannot_be_written_disturbs_nobody(tmp_path: Path) -> None:
    log = TransactionLog(tmp_path / "missing" / "t.jsonl")
    for number in range(2 * BUFFERED):
        log.note("ring", queue=0, tail=number, time=number)
    log.close()
    assert isinstance(log.error, RunDirectoryError)
    assert len(log.recent) == 64


def test_completions_are_logged_by_columns(tmp_path: Path) -> None:
    records = np.zeros(3, COMPLETION)
    records["tag"], records["timestamp"] = [5, 6, 7], [100, 110, 120]
    log = TransactionLog(tmp_path / "t.jsonl")
    log.completed(1, records, 130)
    log.close()
    (line,) = lines(tmp_path / "t.jsonl")
    assert (line["queue"], line["tags"], line["timestamps"]) == (1, [5, 6, 7], [100, 110, 120])


def test_recent_events_are_those_of_the_test(tmp_path: Path) -> None:
    log = TransactionLog(None)
    log.note("ring", queue=0)
    log.note("test", test="a")
    log.note("ring", queue=1)
    assert [event["event"] for event in log.recent] == ["test", "ring"]


def test_bundles_of_tests_of_one_name_do_not_collide(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.failure("sim", "a.test::test_x[1/2]") != run.failure("sim", "b.test::test_x[1/2]")


@pytest.mark.parametrize("targets", [[], "model:", {"model": 1}])
def test_a_passport_of_the_wrong_shape_is_told(tmp_path: Path, targets: object) -> None:
    run = create(tmp_path / "r")
    run.write_json("passport.json", {"targets": targets})
    with pytest.raises(RunDirectoryError, match="no table of targets"):
        open_existing(run.path)
