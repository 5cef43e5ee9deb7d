"""The plugin by what it does to small test files of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sgdma.errors import TargetError
from sgdma.run import bundle, compare, record, results, rig, session
from sgdma.run.results import read_junit
from sgdma.targets import model

pytest_plugins = "pytester"
KEPT = (bundle, compare, model, rig, session)
"""Imported here, so that pytester does not import them anew for each of its sessions."""


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(f"import pytest, numpy as np\nfrom sgdma.errors import *\n{source}")
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


@pytest.fixture(autouse=True)
def only_this_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking through all that is installed would take longer than the tests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "sgdma.run.plugin")


def test_tests_of_one_name_outside_the_root_directory_are_told_apart(pytester: pytest.Pytester, tmp_path: Path) -> None:
    root, neighbour, elsewhere = pytester.mkdir("root"), pytester.mkdir("neighbour"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / "pytest.ini").write_text("[pytest]\n")
    for folder, name in ((root, "test_a"), (neighbour, "test_b"), (elsewhere, "test_c")):
        (folder / f"{name}.py").write_text(f"def test_same(dma): assert {name != 'test_b'}\n")
    files = (str(root / "test_a.py"), "neighbour/test_b.py", str(elsewhere / "test_c.py"))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", f"--rootdir={root}", "--run-dir=r", *files)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["again: pytest* neighbour/test_b.py::test_same", "FAILED neighbour/test_b.py::*"])
    keys = [row.key.rpartition(".")[2] for row in results.read_results(record.open_existing(pytester.path / "r")).rows]
    assert sorted(keys) == ["test_a::test_same", "test_b::test_same", "test_c::test_same"]


@pytest.mark.parametrize(("marker", "reason"), [
    ('needs("waves")', "model: lacks waves"),
    ('needs("interrupts", "waves", "cycle_exact")', "model: lacks waves, cycle_exact"),
    ("min_queues(9)", "model: has 4 queue pairs, the test needs 9"),
    ('needs_rules(lambda rules: False, "nothing to refuse")', "rules peculiar: nothing to refuse"),
])  # fmt: skip
def test_what_a_test_lacks_is_the_reason_of_its_skip(pytester: pytest.Pytester, marker: str, reason: str) -> None:
    result = run(pytester, f"@pytest.mark.{marker}\ndef test_it(dma): pass\n", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"*{reason}"])


def test_what_is_there_lets_the_test_run(pytester: pytest.Pytester) -> None:
    marks = "".join(
        f"@pytest.mark.{mark}\n"
        for mark in ('needs("interrupts", "fault_injection")', "min_queues(4)", 'needs_rules(lambda rules: True, "")')
    )
    run(pytester, f"{marks}def test_it(dma): pass\n").assert_outcomes(passed=1)


@pytest.mark.parametrize(("marker", "told"), [
    ('needs("irq")', "*test_it: needs('irq'): must name capabilities, of which there are interrupts, *"),
    ("needs", "*needs(): must name capabilities*"),
    ('min_queues("2")', "*min_queues('2'): must be given one number*"),
    ("needs_rules(len, 3)", "*must be given a function of the rules and a reason"),
    ("dma_options(rings=3)", "*dma_options(rings=3): must name options, of which there are *sq_log2*"),
])  # fmt: skip
def test_misuse_explains_itself_before_any_test_runs(pytester: pytest.Pytester, marker: str, told: str) -> None:
    result = run(pytester, f"def test_first(dma): pass\n@pytest.mark.{marker}\ndef test_it(dma): pass\n")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([told])


def test_a_rig_error_is_an_error_and_no_failure(pytester: pytest.Pytester) -> None:
    result = run(pytester, 'def test_it(dma): raise TargetError("cable fell out")\ndef test_next(dma): pass\n')
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["rig error: cable fell out"])


def test_a_device_error_is_a_failure(pytester: pytest.Pytester) -> None:
    run(pytester, 'def test_it(dma): raise LostCompletion("gone")\n').assert_outcomes(failed=1)


def test_a_rig_that_does_not_open_ends_the_session(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str) -> None:
        raise TargetError("no such port; plug the board in")

    monkeypatch.setattr(rig, "open_target", refuse)
    result = run(pytester, "def test_it(dma): pass\ndef test_next(dma): pass\n")
    assert result.ret == 3
    result.assert_outcomes()
    result.stdout.fnmatch_lines(["*rig error: no such port; plug the board in*"])


def test_a_wrong_url_is_wrong_usage(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_it(dma): pass\n", "--target", "modell:")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown scheme 'modell:'*"])


LEFT_BEHIND = {
    "1 requests are still pending": "dma.write(b'abc')",
    "1 guard bytes changed": "b = dma.buffer(64); dma.arena.view(b.iova + 64, 1)[:] = 1",
    "LostCompletion: a gap": "dma.faults.append(LostCompletion('a gap'))",
    "QueueFailed: queue 0 is in ERROR": "dma.registers.write('sq_doorbell', tail=0xFFFFF, queue=0)",
}


@pytest.mark.parametrize("told", LEFT_BEHIND)
def test_what_a_test_leaves_behind_fails_it_and_not_the_next(pytester: pytest.Pytester, told: str) -> None:
    source = f"def test_it(dma): {LEFT_BEHIND[told]}\ndef test_next(dma): dma.write(b'abcd').result()\n"
    result = run(pytester, source)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"behind the test: *{told}*"])


def test_every_test_gets_a_calm_and_fresh_device(pytester: pytest.Pytester) -> None:
    source = """
def test_first(dma):
    dma.fixture.write("control", hold_h2c=1)
    dma.fixture.write("seed", 7)
    dma.target.faults.unmap(0, 1 << 40)
    dma.write(b"abcd", port=1)
    dma.reset()

def test_second(dma):
    assert dma.fixture.read("control") == dma.fixture.read("seed") == 0
    dma.write(b"abcd").result()
    assert dma.fixture.read("check_errors") == dma.fixture.read("h2c_beats") == 0
"""
    run(pytester, source).assert_outcomes(passed=2)


def test_options_of_the_device_come_from_the_nearest_marker(pytester: pytest.Pytester) -> None:
    source = """
pytestmark = pytest.mark.dma_options(sq_log2=5, contexts=7)

@pytest.mark.dma_options(contexts=3)
def test_it(dma):
    assert (dma.queue(0).sq.log2, len(dma.contexts.state)) == (5, 3)
"""
    run(pytester, source).assert_outcomes(passed=1)


RANDOM = """
def test_a(rng): print("drew", rng.integers(1 << 62))
def test_b(rng): print("drew", rng.integers(1 << 62))
"""


def drawn(result: pytest.RunResult) -> list[str]:
    return [line.rpartition("drew")[2] for line in result.outlines if "drew" in line]


def test_a_seed_repeats_and_tests_differ(pytester: pytest.Pytester) -> None:
    first = drawn(run(pytester, RANDOM, "-s", "--seed", "0x10"))
    assert first == drawn(run(pytester, RANDOM, "-s", "--seed", "16"))
    assert first[1:] == drawn(run(pytester, RANDOM, "-s", "--seed", "16", "-k", "test_b"))
    other = drawn(run(pytester, RANDOM, "-s", "--seed", "17"))
    assert len({*first, *other}) == 4


def test_a_random_seed_is_printed_and_repeats(pytester: pytest.Pytester) -> None:
    result = run(pytester, RANDOM, "-s", "-q")
    (line,) = [line for line in result.outlines if "again: --seed" in line]
    seed = line.rpartition("--seed ")[2].rstrip(")")
    assert drawn(run(pytester, RANDOM, "-s", "--seed", seed)) == drawn(result)


def test_other_projects_are_left_alone(pytester: pytest.Pytester) -> None:
    source = """
@pytest.fixture
def target(): return "mine"
@pytest.fixture
def dma(target): return target
@pytest.mark.filterwarnings("ignore")
def test_it(dma): assert dma == "mine"
def test_bad(dma): assert dma == "yours"
"""
    result = run(pytester, source)
    result.assert_outcomes(passed=1, failed=1)
    assert not [line for line in result.outlines if "--seed" in line or "target model" in line]
    assert not Path("runs").exists()


def test_a_run_is_recorded_when_a_target_is_named(pytester: pytest.Pytester) -> None:
    run(pytester, "def test_it(dma): dma.write(b'abc').result()\n", "--target", "model:").assert_outcomes(passed=1)
    latest = Path("runs/latest")
    names = {path.name for path in latest.iterdir()}
    assert names == {"passport.json", "junit-model.xml", "transactions-model.jsonl"}
    assert latest.is_symlink()


def test_a_failure_leaves_a_bundle_and_the_command_to_repeat_it(pytester: pytest.Pytester) -> None:
    source = """
from sgdma.run.compare import assert_same
def test_it(dma):
    dma.write(b"abcd").result()
    assert_same(b"0123456789", b"01234x6789")
"""
    result = run(pytester, source, "--run-dir", "here", "--seed", "9")
    (bundle,) = Path("here/failures/model").glob("*.json")
    text = bundle.read_text()
    assert '"offset": 5' in text
    assert "header  tag" in text
    assert "pytest --target model: --seed 9" in text
    result.stdout.fnmatch_lines(["again: pytest --target model: --seed 9 *::test_it", "bundle: *"])


def test_a_bundle_lists_what_is_pending_and_when_it_was_rung(pytester: pytest.Pytester) -> None:
    source = """
def test_it(dma):
    dma.write(b"abcd").result()
    with dma.batch():
        dma.read(np.zeros(64, np.uint8), port=0)
        dma.read(np.zeros(32, np.uint8), port=0)
    dma.target.sleep(100)
    dma.prepare_write(b"efgh")
    assert dma.pending == 0
"""
    run(pytester, source, "--run-dir", "here")
    (path,) = Path("here/failures/model").glob("*.json")
    bundle = json.loads(path.read_text())
    names = ("queue", "direction", "port", "bytes", "slot", "state")
    assert [[one[name] for name in names] for one in bundle["pending"]] == [
        [1, "C2H", "LOOPBACK", 64, 0, "QUEUED"], [1, "C2H", "LOOPBACK", 32, 2, "QUEUED"],
        [0, "H2C", "MEMORY", 4, 2, "MAPPED"],
    ]  # fmt: skip
    rings = [event["time"] for event in bundle["recent"] if event["event"] == "ring" and event["queue"] == 1]
    assert [one["rung"] for one in bundle["pending"]] == [rings[0], rings[0], None]
    submitted = [event["batch"] for event in bundle["recent"] if event["event"] == "submit"]
    assert submitted[1:] == [one["batch"] for one in bundle["pending"]]


def test_a_bundle_tells_whether_the_device_was_ever_asked(pytester: pytest.Pytester) -> None:
    source = """
def test_refused(dma): dma.write(b"abcd", queue=99)
def test_refused_later(dma):
    dma.write(b"abcd").result()
    dma.write(b"abcd", queue=99)
def test_of_another_kind(dma): assert dma is None
"""
    run(pytester, source, "--run-dir", "here")
    bundles = [json.loads(path.read_text()) for path in Path("here/failures/model").glob("*.json")]
    assert {(one["order"], one["refused"]) for one in bundles} == {(1, True), (2, False), (3, False)}


def test_a_record_that_cannot_be_written_is_a_rig_error(pytester: pytest.Pytester) -> None:
    Path("taken").write_text("a file is in the way")
    result = run(pytester, "def test_it(dma): pass\n", "--run-dir", "taken")
    assert result.ret == 3
    assert "taken" in result.stdout.str() + result.stderr.str()


def test_a_test_too_large_for_the_targets_memory_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    source = "def test_it(dma): dma.buffer(8 << 20)\n"
    small = run(pytester, source, "--target", "model:?memory=8388608", "-rs")
    small.assert_outcomes(skipped=1)
    small.stdout.fnmatch_lines(["*8388608 bytes of DMA memory, the test needs more*"])


def test_memory_that_a_test_has_used_up_itself_is_an_error(pytester: pytest.Pytester) -> None:
    """Where the target has more than a test gets, the test is to blame."""
    source = "def test_it(dma):\n    for _ in range(99): dma.buffer(1 << 20)\n"
    result = run(pytester, source, "--run-dir=here")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR at call of test_it*", "rig error: buffer of 1048576 bytes: *"])
    (outcome,) = read_junit(Path("here/junit-model.xml")).values()
    assert outcome.status == "error"
    assert outcome.reason.startswith("rig error: buffer of")


def test_a_buffer_larger_than_the_arena_is_the_tests_mistake(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_it(dma): dma.buffer(1 << 34)\n", "--run-dir=here")
    result.assert_outcomes(failed=1)
    told = "buffer of 17179869184 bytes between guards of 64: the arena of 16777216 bytes has"
    result.stdout.fnmatch_lines([f"*ArenaTooSmall: {told} *"])
    assert len(list(Path("here/failures/model").iterdir())) == 1


@pytest.mark.parametrize(("arguments", "seed", "told"), [
    (("--target", "model:?queues=99"), "", "*queues = 99: must be 1..31"),
    (("--target", "model:", "--seed", "-1"), "", "*seed -1: must be 0 or more"),
    (("--target", "sim:?latency=-1"), "", "*latency = -1: must be 0..*"),
    (("--target", "sim:", "--waves-limit=-1"), "", "*--waves-limit: '-1': must be an integer, 0 or more"),
    ((), "abc", "*SGDMA_SEED = 'abc': must be an integer*"),
])  # fmt: skip
def test_wrong_usage_leaves_no_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], seed: str, told: str
) -> None:
    monkeypatch.setenv("SGDMA_SEED", seed)
    result = run(pytester, "def test_it(dma): pass\n", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([told])
    assert not (pytester.path / "runs").exists()
