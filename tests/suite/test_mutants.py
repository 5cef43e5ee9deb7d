"""The suite notices when the device is broken, whichever way; and the plain model passes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .mutants import MUTANTS

ROOT = Path(__file__).parents[2]


def run_suite(mutant: str = "", *more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SGDMA_MUTANT": mutant, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'host'}"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.suite.mutants", "-p", "no:cacheprovider",
               "-p", "no:hypothesispytest", "--target", "model:", "--seed", "1", "--run-dir", "",
               str(ROOT / "host/sgdma/suite"), *more]  # fmt: skip
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.deep
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_model_fails_the_suite(mutant: str) -> None:
    result = run_suite(mutant, "-x")
    assert result.returncode == 1, f"{mutant} was not noticed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
    noticed = re.search(r"^FAILED (\S+)", result.stdout, re.MULTILINE)
    assert noticed, result.stdout[-3000:]
    print(f"{mutant}: {noticed[1].rpartition('/')[2]}")


def test_the_driver_does_not_pass_without_interrupts() -> None:
    wanted = "lives_by_interrupts or serve_a_stream"
    result = run_suite("interrupts_never_fire", "-k", wanted)
    assert "2 failed" in result.stdout, result.stdout[-2000:]
