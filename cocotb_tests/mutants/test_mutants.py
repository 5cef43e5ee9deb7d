"""Every deliberate bug is caught by name: the part of the suite that should notice it fails, and passes without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sgdma.suite
from mutants.catalogue import MUTANTS, Mutant

pytestmark = pytest.mark.sim

SUITE = Path(sgdma.suite.__file__).parent
HEALTHY = len(MUTANTS) + 1
SEED = "1"


def suite_on(number: int, expression: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run that part of the suite in the infected simulator with one bug on."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--target=sim:?mutant={number}",
               f"--seed={SEED}", f"--run-dir={directory}", "--waves=0", "-k", expression, str(SUITE)]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)


@pytest.mark.parametrize("number", range(1, len(MUTANTS) + 1), ids=lambda n: MUTANTS[n - 1].name.replace(" ", "-"))
def test_the_suite_catches(number: int, tmp_path: Path) -> None:
    mutant: Mutant = MUTANTS[number - 1]
    done = suite_on(number, mutant.suite, tmp_path)
    assert done.returncode == 1, f"{mutant.name}: not noticed (status {done.returncode})\n{done.stdout[-3000:]}"
    assert "failed" in done.stdout, done.stdout[-3000:]


def test_the_same_suite_passes_without_a_bug(tmp_path: Path) -> None:
    parts = sorted({part for mutant in MUTANTS for part in mutant.suite.split(" or ")})
    done = suite_on(HEALTHY, " or ".join(parts), tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
