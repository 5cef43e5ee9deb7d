"""Results side by side, and the report made of them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
from typer.testing import CliRunner

import sgdma
from sgdma.cli import app
from sgdma.errors import RunDirectoryError
from sgdma.rules import Direction, load
from sgdma.rules.plan import plan
from sgdma.run.alignment import BASE, BOUNCED, DIRECT, MIXED, REJECTED, alignment_map
from sgdma.run.latency import histogram, latencies
from sgdma.run.measure import bus_limit, measure
from sgdma.run.passport import describe_target
from sgdma.run.record import RunDirectory, create
from sgdma.run.report import write_report
from sgdma.run.results import ABSENT, Outcome, parity, read_junit, read_results

PASSED, FAILED = Outcome("passed"), Outcome("failed", "3 bytes <differ>")
SKIPPED, ERROR = Outcome("skipped", "model: lacks waves"), Outcome("error", "rig error")


def junit(path: Path, tests: dict[str, Outcome]) -> None:
    """As pytest writes it."""
    tags = {"failed": "failure", "error": "error", "skipped": "skipped"}
    cases = []
    for key, outcome in tests.items():
        classname, _, name = key.partition("::")
        reason = escape(outcome.reason, {"\n": "&#10;"})
        inner = f'<{tags[outcome.status]} message="{reason}"/>' if outcome.status in tags else ""
        cases.append(f'<testcase classname="{classname}" name="{name}" time="0.5">{inner}</testcase>')
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")


def recorded(path: Path, status: int | None = 0, **targets: dict[str, Outcome]) -> RunDirectory:
    run = create(path)
    for name, tests in targets.items():
        junit(run.junit(name), tests)
        about = {"url": f"{name}:", "seed": 7, "exit_status": status, "finished": "2026-01-01T00:00:00Z"}
        run.update_target(name, about)
    return run


@pytest.mark.parametrize(("cells", "wrong"), [
    ((PASSED, ABSENT), True), ((ABSENT, PASSED), True), ((FAILED, ABSENT), True), ((ERROR, ABSENT), True),
    ((PASSED, SKIPPED), False), ((SKIPPED, ABSENT), False), ((PASSED, FAILED), False), ((PASSED,), False),
    ((PASSED, SKIPPED, ABSENT), True),
])  # fmt: skip
def test_what_ran_on_one_target_must_not_be_silently_absent_on_another(
    cells: tuple[Outcome, ...], wrong: bool
) -> None:
    tests = [{} if cell is ABSENT else {"a::b": cell} for cell in cells]
    (row,) = parity(tests)
    assert row.cells == cells
    assert row.wrong is wrong


def test_rows_are_those_of_all_targets(tmp_path: Path) -> None:
    run = recorded(tmp_path / "r", model={"m::a": PASSED, "m::b": SKIPPED}, sim={"m::a": PASSED, "m::c": PASSED})
    results = read_results(run)
    assert [row.key for row in results.rows] == ["m::a", "m::b", "m::c"]
    assert [row.key for row in results.holes] == ["m::c"]
    assert not results.good
    assert results.rows[1].cells[0].reason == "model: lacks waves"


def test_of_two_entries_the_worse_counts(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    cases = '<testcase classname="a" name="b"><failure message="x"/></testcase><testcase classname="a" name="b"/>'
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    assert read_junit(path)["a::b"].status == "failed"


def test_no_results_are_no_good_and_damaged_ones_are_named(tmp_path: Path) -> None:
    assert read_junit(tmp_path / "none.xml") == {}
    run = recorded(tmp_path / "r", model={})
    assert not read_results(run).good
    run.junit("model").write_text("<testsuites>")
    with pytest.raises(RunDirectoryError, match=r"junit-model\.xml can't be read"):
        read_results(run)


@pytest.mark.parametrize(("status", "told"), [
    (None, "did not come to its end"), (2, "interrupted"), (3, "rig error"), (4, "status 4"), (0, ""), (1, ""),
])  # fmt: skip
def test_a_session_that_went_wrong_is_no_good_whatever_its_tests_say(
    tmp_path: Path, status: int | None, told: str
) -> None:
    results = read_results(recorded(tmp_path / "r", status, model={"m::a": PASSED}))
    assert told in results.targets[0].trouble
    assert results.good is (not told)


def test_nothing_run_is_no_good(tmp_path: Path) -> None:
    assert not read_results(create(tmp_path / "r")).good


@pytest.mark.parametrize(("sim", "code"), [
    ({"m::a": PASSED, "m::b": PASSED}, 0), ({"m::a": PASSED, "m::b": SKIPPED}, 0), ({"m::a": PASSED}, 1),
    ({"m::a": PASSED, "m::b": FAILED}, 1), ({"m::a": PASSED, "m::b": ERROR}, 1),
])  # fmt: skip
def test_the_exit_code_of_the_report_is_the_verdict(tmp_path: Path, sim: dict[str, Outcome], code: int) -> None:
    recorded(tmp_path / "r", model={"m::a": PASSED, "m::b": PASSED}, sim=sim)
    result = CliRunner().invoke(app, ["report", str(tmp_path / "r")])
    assert result.exit_code == code, result.output
    assert ("absent on sim:: m::b" in result.output) == (sim == {"m::a": PASSED})


def test_the_terminal_names_failures_and_errors_each_with_one_line_of_reason(tmp_path: Path) -> None:
    bad, error = Outcome("failed", "3 bytes differ\nand more"), Outcome("error", "[no] port")
    run = recorded(tmp_path / "r", model={"m::a": PASSED, "m::b": bad, "m::c[x]": error})
    run.write_json("failures/model/b.json", {"test": "m::b", "target": "model:", "seed": 7, "again": "pytest b",
                                             "error": "E"})  # fmt: skip
    shown = CliRunner().invoke(app, ["report", str(tmp_path / "r")]).output
    assert "failed m::b\n  3 bytes differ\n  pytest b\n" in shown
    assert "error m::c[x]\n  [no] port\n" in shown


def test_a_directory_without_a_run_is_a_rig_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 3


class Page(HTMLParser):
    """Checks that elements are closed in order; keeps what would be fetched."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def full_run(tmp_path: Path) -> RunDirectory:
    """A run with a bit of everything."""
    run = recorded(tmp_path / "r", model={"m::a": PASSED, "m::b": SKIPPED}, sim={"m::a": FAILED, "m::c": PASSED})
    with sgdma.open("model:", arena=4 << 20) as dma:
        run.update_target("model", describe_target(dma.target, dma.identity, dma.rules))
        run.add_metrics(measure(dma, sizes=(256, 1024)))
    run.write_json("failures/sim/x.json", {
        "test": "m::a", "nodeid": "m.py::a", "target": "sim:", "seed": 7, "again": "pytest <this>", "error": "E: <bad>",
        "recent": [{"event": "ring"}], "waves": "waves/x.vcd", "waves_note": "",
        "pending": [{"queue": 1, "tag": 7, "port": "LOOPBACK"}], "pending_count": 9,
        "waves_run": {"time": 7, "link": {"waves_ps": "184000"}},
        "data": {"what": "payload", "offset": 1000, "bad_bytes": 3, "length": 4096, "dump": "03e8 [5b]"},
        "queues": ["not to be had: SimulatorDied",
                   {"number": 0, "host": {}, "device": "not to be had", "slots": ["one"], "records": "not to be had"}],
        "registers": "not to be had", "fixture": {"cycles": 5},
    })  # fmt: skip
    run.write_json("failures/sim/y.json", {
        "test": "m::d", "target": "sim:", "seed": 7, "again": "pytest", "error": "E", "waves_note": "none: <3> are",
    })  # fmt: skip
    run.write("transactions-model.jsonl", "\n".join([
        '{"event":"session","target":"model:","clock_offset":0}',
        '{"event":"submit","queue":0,"first":0,"tags":[1],"opcodes":[1],"segments":[1],"bytes":[4]}',
        '{"event":"ring","queue":0,"tail":2,"time":100}',
        '{"event":"complete","queue":0,"time":300,"tags":[1],"statuses":[0],"bytes":[4],"timestamps":[250]}', "",
    ]))  # fmt: skip
    return run


def test_the_page_is_whole_and_stands_by_itself(full_run: RunDirectory) -> None:
    path, _ = write_report(full_run)
    text = path.read_text()
    page = Page(text)
    assert page.open == []
    assert set(page.fetched) == {"waves/x.vcd", "failures/sim/x.json", "failures/sim/y.json"}
    assert not re.search(r"https?:", text)


@pytest.mark.parametrize("told", [
    "Silently absent on a target: 1", "model: lacks waves", "3 of 4096 bytes differ, the first at offset 0x3e8",
    "03e8 [5b]", "3 tests, 1 failed, 1 skipped, 2 absent", "pytest &lt;this&gt;",
    "queue 1, tag 7, port LOOPBACK", "pending: 9",
    "prefers-color-scheme", "limit of the bus", "not to be had: SimulatorDied", "median 150",
    "3 bytes &lt;differ&gt;", "it failed at 184000 ps", "Waves: none: &lt;3&gt; are", "partly bounced", "not good",
])  # fmt: skip
def test_the_page_tells(full_run: RunDirectory, told: str) -> None:
    path, _ = write_report(full_run)
    assert told in path.read_text()


def test_the_report_can_be_made_again_and_of_a_bare_run(full_run: RunDirectory, tmp_path: Path) -> None:
    first = write_report(full_run)[0].read_text()
    assert write_report(full_run)[0].read_text() == first
    Page(write_report(recorded(tmp_path / "bare", None, sim={}))[0].read_text())


# Latency.


def test_latency_is_from_the_bell_to_the_record_on_one_clock(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join([
        '{"event":"test","test":"a"}', '{"event":"session","target":"x:","clock_offset":1000}',
        '{"event":"submit","queue":0,"first":0,"tags":[1,2],"opcodes":[1,2],"segments":[1,1],"bytes":[4,4]}',
        '{"event":"ring","queue":0,"tail":4,"time":100}',
        '{"event":"submit","queue":0,"first":4,"tags":[3],"opcodes":[1],"segments":[1],"bytes":[4]}',
        '{"event":"complete","queue":0,"time":9,"tags":[1,2,2],"statuses":[0,0,0],"bytes":[4,4,4],'
        '"timestamps":[1150,1180,1190]}',
        '{"event":"test","test":"b"}',
        '{"event":"ring","queue":0,"tail":6,"time":500}',
        '{"event":"complete","queue":0,"time":9,"tags":[3],"statuses":[0],"bytes":[4],"timestamps":[1600]}',
    ]))  # fmt: skip
    found = latencies(path)
    assert {name: cycles.tolist() for name, cycles in found.items()} == {"H2C": [50], "C2H": [80]}


def test_a_damaged_log_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"event":"test","test":"a"}\n{"event":')
    with pytest.raises(RunDirectoryError, match=r"t\.jsonl:2: no JSON"):
        latencies(path)
    assert latencies(tmp_path / "none.jsonl") == {}


@pytest.mark.parametrize("cycles", [[7], [1, 1, 1], [0, 5, 100000], list(range(1, 3000))])
def test_every_request_is_in_the_histogram(cycles: list[int]) -> None:
    edges, counts = histogram(np.array(cycles))
    assert sum(counts) == len(cycles)
    assert len(edges) == len(counts) + 1
    assert edges == sorted(edges)


# Alignment.


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("name", ["peculiar", "sdhci-adma2", "nvme-prp", "tg3"])
def test_cells_are_what_the_planner_says_one_by_one(name: str, direction: Direction) -> None:
    rules = load(name)
    found = alignment_map(rules, direction)
    random = np.random.default_rng(3)
    for y, x in random.integers(0, 64, (400, 2)).tolist():
        try:
            one = plan([(BASE + int(found.offsets[x]), int(found.lengths[y]))], rules, direction)
            wanted = DIRECT if not one.bounced_bytes else MIXED if one.direct_bytes else BOUNCED
        except sgdma.errors.UsageError:
            wanted = REJECTED
        assert found.cells[y, x] == wanted, (found.offsets[x], found.lengths[y])


def test_a_device_without_rules_takes_everything_directly() -> None:
    assert alignment_map(load("unrestricted"), Direction.C2H).share(DIRECT) == 1


# Throughput.


@pytest.mark.parametrize(("direction", "beat", "size", "segments", "residue", "limit"), [
    (Direction.H2C, 8, 64, 16, 0, 16 * 64 / (16 * 8 + 17 * 2)),  # descriptors share the read channel
    (Direction.C2H, 8, 64, 16, 0, 16 * 64 / (16 * 8 + 4)),  # completions share the write channel
    (Direction.C2H, 8, 64, 16, 4, 16 * 64 / (16 * 9 + 4)),  # half a beat is a beat
    (Direction.C2H, 64, 16, 16, 0, 16 * 16 / (16 * 1 + 1)),
    (Direction.C2H, 8, 8, 16, 0, 16 * 8 / (17 * 2)),  # descriptors are more than the payload
])  # fmt: skip
def test_the_limit_of_the_bus(
    direction: Direction, beat: int, size: int, segments: int, residue: int, limit: float
) -> None:
    assert bus_limit(beat, size, segments, residue, direction) == pytest.approx(limit)


def test_sizes_that_the_rules_forbid_have_no_row() -> None:
    with sgdma.open("model:?rules=peculiar", arena=4 << 20) as dma:
        rows = measure(dma, sizes=(100, 250, 8192))
    assert [(row["direction"], row["segment_size"]) for row in rows] == [("H2C", 100), ("C2H", 8192)]
    for row in rows:
        assert row["bytes_per_cycle"] == pytest.approx(row["segment_size"] / row["cycles_per_segment"], rel=1e-3)
