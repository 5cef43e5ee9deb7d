"""The firmware's logic, built for this machine with sanitizers: a good device is believed, a bad one is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sgdma.engine.programme import Fill, Request, Rings, Scenario, Verify
from sgdma.paths import checkout_root
from sgdma.rules import Direction, load
from sgdma.spec.mailbox import PROGRAMME, RunnerFault
from sgdma.spec.status import Port

BASE = 0x8000_0000
RINGS = 0x20000
RULES = load("unrestricted")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program; needs the machine's own compiler only."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler on this machine")
    firmware, program = checkout_root() / "firmware", tmp_path_factory.mktemp("firmware") / "run"
    sources = ["runner/runner.c", "common/queue.c", "host_tests/fake_device.c"]
    include = [f"-I{firmware / part}" for part in ("", "include", "common")]
    command = [compiler, "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-DHAL_HOST",
               "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *include, "-o", str(program),
               *(str(firmware / source) for source in sources)]  # fmt: skip
    subprocess.run(command, check=True)
    return program


def scenario(rounds: int = 50, depth: int = 32, queues: int = 2) -> Scenario:
    rng = np.random.default_rng(5)
    operations: list[Request | Fill] = [Fill(0, 4096, 3)]
    for number in range(20):
        segments = tuple((int(at) * 4, 64) for at in rng.integers(0, 900, int(rng.integers(1, 9))))
        operations.append(Request(Direction.H2C, segments, number * 64, Port.MEMORY, number % queues))
    operations.append(Verify(0, 4096, 3))
    return Scenario(operations, 8192, rounds=rounds, depth=depth, patience=20_000)


def encoded(made: Scenario, sq_log2: int = 6, cq_log2: int = 5) -> bytes:
    return made.encode(RULES, BASE, Rings.lay(RULES, BASE + RINGS, 2, sq_log2, cq_log2))


def run(runner: Path, tmp_path: Path, programme: bytes, *damage: str) -> dict[str, int]:
    path = tmp_path / "programme"
    path.write_bytes(programme)
    done = subprocess.run([runner, path, *damage], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return {name: int(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def test_a_good_device_is_believed(runner: Path, tmp_path: Path) -> None:
    """A thousand requests over rings that wrap many times."""
    made = scenario()
    told = run(runner, tmp_path, encoded(made))
    total = sum(length for request in made.requests for _, length in request.segments)
    assert told["fault"] == RunnerFault.NONE
    assert (told["requests"], told["completions"], told["bytes"]) == (1000, 1000, 50 * total)


def test_the_digest_depends_on_what_completes_and_not_on_the_order(runner: Path, tmp_path: Path) -> None:
    """Another depth, other rings: the same digest. Another status: another one."""
    one = run(runner, tmp_path, encoded(scenario(depth=32)))
    other = run(runner, tmp_path, encoded(scenario(depth=3), sq_log2=4))
    bad = run(runner, tmp_path, encoded(scenario()), "status", "500")
    assert one["digest"] == other["digest"] != bad["digest"]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [("drop", RunnerFault.TIMEOUT), ("double", RunnerFault.TAG), ("status", RunnerFault.STATUS),
     ("skip", RunnerFault.SEQUENCE)],
)
@pytest.mark.parametrize("number", [0, 7, 777])
def test_a_bad_completion_is_named(
    runner: Path, tmp_path: Path, damage: str, fault: RunnerFault, number: int
) -> None:
    told = run(runner, tmp_path, encoded(scenario(queues=1)), damage, str(number))
    assert told["fault"] == fault
    if damage == "status":
        assert (told["first_round"], told["first_job"]) == (number // 20, number % 20)


def test_the_first_failure_stays(runner: Path, tmp_path: Path) -> None:
    told = run(runner, tmp_path, encoded(scenario(queues=1)), "status", "7", "skip", "300")
    assert (told["fault"], told["first_round"], told["first_job"]) == (RunnerFault.STATUS, 0, 7)
    told = run(runner, tmp_path, encoded(scenario(queues=1)), "status", "300", "skip", "7")
    assert told["fault"] == RunnerFault.SEQUENCE


def test_indices_of_both_rings_wrap(runner: Path, tmp_path: Path) -> None:
    """More than 2**20 slots and 2**16 completions of one queue pair."""
    made = scenario(rounds=12_000, queues=1)
    assert 12_000 * sum(len(request.segments) + 1 for request in made.requests) > 1 << 20
    told = run(runner, tmp_path, encoded(made))
    assert (told["fault"], told["completions"]) == (RunnerFault.NONE, 240_000)


def test_damaged_memory_is_found_where_it_is(runner: Path, tmp_path: Path) -> None:
    told = run(runner, tmp_path, encoded(scenario(rounds=1)), "data", hex(BASE + 0x84))
    # Twenty requests flip the bit twenty times: an even number leaves it as it was.
    assert told["fault"] == RunnerFault.NONE
    odd = scenario(rounds=1)
    operations = [operation for operation in odd.operations if operation is not odd.requests[0]]
    told = run(runner, tmp_path, encoded(Scenario(operations, odd.memory, 1, 32, 20_000)), "data", hex(BASE + 0x84))
    assert (told["fault"], told["first_round"]) == (RunnerFault.DATA, BASE + 0x84)


def test_what_is_no_programme_is_refused(runner: Path, tmp_path: Path) -> None:
    good = bytearray(encoded(scenario()))
    for place, value in ((0, 1), (8, 99), (20, 0), (20, 255)):  # magic, queues, depth
        bad = bytearray(good)
        bad[place] = value
        told = run(runner, tmp_path, bytes(bad))
        assert (told["fault"], told["requests"]) == (RunnerFault.PROGRAMME, 0), (place, value)
    kind = PROGRAMME.itemsize + 2 * 12
    good[kind] = 77
    assert run(runner, tmp_path, bytes(good))["fault"] == RunnerFault.PROGRAMME
