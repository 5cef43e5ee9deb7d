"""Starting the simulator, with a stand-in for it; and ending what was started, for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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

    def __init__(self, *statuses: int, failing: int = 0) -> None:
        self.calls: list[tuple[str, str, list[str], Path | None]] = []
        self.statuses, self.failing = list(statuses), failing

    def __call__(self, url: str, program: str, arguments: list[str], *, waves: Path | None = None) -> int:
        self.calls.append((url, program, arguments, waves))
        if waves:
            waves.write_text("$end")
        elif self.failing:
            run = RunDirectory(Path(arguments[-1].removeprefix("--run-dir=")))
            for number in range(self.failing):
                nodeid = f"test_a.py::test_{number}"
                path = run.failure("sim", key_of(nodeid))
                run.write_json(str(path.relative_to(run.path)), {"nodeid": nodeid})
        return self.statuses.pop(0) if self.statuses else 1


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


@pytest.mark.parametrize(("asked", "runs"), [((), 3), (("--waves=0",), 0), (("--waves=4",), 4)])
def test_failing_tests_run_once_more_with_waves(
    pytester: pytest.Pytester, simulated: Callable[[Simulator], Simulator], asked: tuple[str, ...], runs: int
) -> None:
    simulator = simulated(Simulator(failing=5))
    assert pytester.runpytest_inprocess("--target=sim:", "--run-dir=here", *asked).ret == 1
    again = simulator.calls[1:]
    assert len(again) == runs
    for _, _, arguments, waves in again:
        assert waves is not None
        assert "--run-dir=" in arguments
        assert any(word.startswith("--only=test_a.py::test_") for word in arguments)
    told = [json.loads(path.read_text()).get("waves") for path in Path("here/failures/sim").glob("*.json")]
    assert sum(bool(name and (Path("here") / name).exists()) for name in told) == runs


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
