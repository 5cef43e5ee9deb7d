"""Starting the simulator, with a stand-in for it; and ending what was started, for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from sgdma.errors import SimulatorDied
from sgdma.run import outside
from sgdma.run.record import RunDirectory, key_of
from sgdma.targets.sim import launch
from sgdma.targets.sim import target as sim

pytest_plugins = "pytester"


class Simulator:
    """Stands in for run_inside: keeps the calls, answers with statuses, leaves bundles as failing tests do."""

    def __init__(self, *statuses: int, failing: int = 0, refused: int = 0, cut: str = "") -> None:
        self.calls: list[tuple[str, str, list[str], Path | None]] = []
        self.statuses, self.failing, self.refused, self.cut = list(statuses), failing, refused, cut
        self.limits: list[int] = []

    def __call__(
        self, url: str, program: str, arguments: list[str], *, waves: Path | None = None, waves_limit: int = 0
    ) -> int:
        self.calls.append((url, program, arguments, waves))
        (place,) = [word.removeprefix("--run-dir=") for word in arguments if word.startswith("--run-dir=")][-1:]
        if waves:
            waves.write_text("$end")
            self.limits.append(waves_limit)
            if self.cut:
                waves.with_name(f"{waves.name}.cut").write_text(self.cut)
            (nodeid,) = [word.removeprefix("--only=") for word in arguments if word.startswith("--only=")]
            self._fails(Path(place), nodeid, time=777, link={"waves_ps": "6344000"})
        for number in range(0 if waves else self.failing):
            nodeid = f"test_a.py::test_{9 - number}"  # the last by name is the first to fail
            self._fails(Path(place), nodeid, time=5, order=number + 1, refused=number < self.refused)
        return self.statuses.pop(0) if self.statuses else 1

    @staticmethod
    def _fails(place: Path, nodeid: str, **more: object) -> None:
        run = RunDirectory(place)
        path = run.failure("sim", key_of(nodeid))
        run.write_json(str(path.relative_to(run.path)), {"nodeid": nodeid, "again": f"pytest {nodeid}", **more})


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[[Simulator], Simulator]:
    def install(simulator: Simulator) -> Simulator:
        monkeypatch.setattr(launch, "run_inside", simulator)
        return simulator

    return install


def test_the_same_command_runs_inside_with_seed_and_directory(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator]
) -> None:
    simulator = simulated(Simulator(0))
    assert pytester.runpytest_inprocess("--target", "sim:?queues=2", "-k", "one").ret == 0
    ((url, program, arguments, waves),) = simulator.calls
    assert (url, program, waves) == ("sim:?queues=2", "pytest", None)
    assert {"--target", "sim:?queues=2", "-k", "one"} <= set(arguments)
    assert arguments[-2].startswith("--seed=")
    assert Path(arguments[-1].removeprefix("--run-dir=")).parent == Path("runs").absolute()


def test_the_status_comes_back_and_a_given_seed_is_kept(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator]
) -> None:
    simulator = simulated(Simulator(5))
    assert pytester.runpytest_inprocess("--target=sim:", "--seed=77", "--run-dir=").ret == 5
    assert simulator.calls[0][2][-2:] == ["--seed=77", "--run-dir="]
    assert not Path("runs").exists()


def bundles(place: str = "here") -> dict[str, dict[str, Any]]:
    """By the test's number."""
    told = [json.loads(path.read_text()) for path in Path(place, "failures/sim").glob("*.json")]
    return {bundle["nodeid"].rpartition("_")[2]: bundle for bundle in told}


@pytest.mark.parametrize(("asked", "runs"), [((), 3), (("--waves=0",), 0), (("--waves=4",), 4)])
def test_failing_tests_run_once_more_with_waves_in_order_of_execution(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator], asked: tuple[str, ...], runs: int
) -> None:
    simulator = simulated(Simulator(failing=5))
    assert pytester.runpytest_inprocess("--target=sim:", "--run-dir=here", *asked).ret == 1
    again = simulator.calls[1:]
    wanted = [f"--only=test_a.py::test_{9 - number}" for number in range(runs)]
    assert [word for _, _, arguments, _ in again for word in arguments if word.startswith("--only")] == wanted
    assert all(waves is not None for *_, waves in again)
    told = [bundle.get("waves") for bundle in bundles().values()]
    assert sum(bool(name and (Path("here") / name).exists()) for name in told) == runs


def test_failures_left_without_waves_are_told_with_the_way_to_get_them(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator]
) -> None:
    simulated(Simulator(failing=5))
    result = pytester.runpytest_inprocess("--target=sim:", "--run-dir=here")
    result.stdout.fnmatch_lines(["sgdma: 2 more failures are without waves: *--waves=5"])
    notes = {number: bundle["waves_note"] for number, bundle in bundles().items()}
    assert [notes[number] for number in "987"] == ["", "", ""]
    assert all("--waves=3" in notes[number] and "again alone" in notes[number] for number in "65")


def test_a_request_that_was_refused_takes_no_ones_waves(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator]
) -> None:
    simulator = simulated(Simulator(failing=4, refused=2))
    result = pytester.runpytest_inprocess("--target=sim:", "--run-dir=here", "--waves=2")
    assert len(simulator.calls) == 3
    assert {number for number, bundle in bundles().items() if "waves" in bundle} == {"7", "6"}
    assert "never asked" in bundles()["9"]["waves_note"]
    assert "without waves" not in result.stdout.str()


def test_a_bundle_tells_when_the_run_with_waves_failed(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator]
) -> None:
    simulated(Simulator(failing=1))
    pytester.runpytest_inprocess("--target=sim:", "--run-dir=here")
    bundle = bundles()["9"]
    assert (bundle["time"], bundle["waves_run"]["time"]) == (5, 777)
    assert bundle["waves_run"]["link"]["waves_ps"] == "6344000"


@pytest.mark.parametrize(("asked", "limit"), [((), 128 << 20), (("--waves-limit=5",), 5 << 20)])
def test_waves_are_bounded_and_what_they_lack_is_told(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator], asked: tuple[str, ...], limit: int
) -> None:
    simulator = simulated(Simulator(failing=1, cut="begins at 7 ps"))
    old = Path("here/waves", RunDirectory(Path("here")).failure("sim", key_of("test_a.py::test_9")).stem + ".first.vcd")
    old.parent.mkdir(parents=True)
    old.touch()
    pytester.runpytest_inprocess("--target=sim:", "--run-dir=here", *asked)
    assert simulator.limits == [limit]
    note = "begins at 7 ps; for all of it: pytest test_a.py::test_9 --waves-limit=0"
    assert bundles()["9"]["waves_note"] == note
    assert not list(Path("here/waves").glob("*.cut"))
    assert not old.exists()


@pytest.mark.parametrize(("error", "status"), [(SimulatorDied("it died"), 3), (KeyboardInterrupt(), 2)])
def test_a_broken_or_interrupted_simulator_has_its_own_status(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    def fail(*words: object, **more: object) -> int:
        raise error

    monkeypatch.setattr(launch, "run_inside", fail)
    assert pytester.inline_run("--target=sim:", "--run-dir=here", no_reraise_ctrlc=True).ret == status
    assert json.loads(Path("here/passport.json").read_text())["targets"]["sim"]["exit_status"] == status


def test_what_needs_no_device_starts_no_simulator(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator]
) -> None:
    simulator = simulated(Simulator(9))
    pytester.makepyfile("def test_it(dma): pass\n")
    assert pytester.runpytest_inprocess("--target=sim:", "--collect-only").ret == 0
    assert pytester.runpytest_inprocess("--target=sim:", "--markers").ret == 0
    assert not simulator.calls


def test_inside_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outside.belongs_inside("sim:")
    assert not outside.belongs_inside("model:")
    assert not outside.belongs_inside(None)
    monkeypatch.setattr(sim, "inside", lambda: None)
    assert not outside.belongs_inside("sim:")


PARENT = """
import subprocess, sys
from sgdma.run.signals import ending_children
grandchild = "import signal; print(flush=True); signal.pause()"
child = f"import subprocess, sys; subprocess.call([sys.executable, '-c', {grandchild!r}])"
try:
    with ending_children():
        subprocess.call([sys.executable, "-c", child])
except KeyboardInterrupt:
    sys.exit(42)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_whole_family(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) == 2
        os.kill(process.pid, number)
        assert process.wait(20) == 42
    assert not psutil.wait_procs(family, timeout=10)[1]
