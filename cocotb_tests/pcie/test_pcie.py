"""Runs on_pcie.py on `--target sim:pcie`, in the shapes that matter; ``pytest cocotb_tests/pcie``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).with_name("on_pcie.py")
SHAPES = [
    "sim:pcie?rules=unrestricted&data_width=64&rcb=128",
    "sim:pcie?rules=unrestricted&data_width=128&split=1&mps=128&mrrs=256&iova=0x120000000",
    "sim:pcie?rules=unrestricted&data_width=256&split=1&read_credits=3&write_credits=40",
]


def run(url: str, *options: str) -> None:
    """The tests on that target; raises AssertionError with what they said unless all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "--run-dir=", "--waves=0", f"--target={url}", *options, str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.sim
@pytest.mark.parametrize("url", SHAPES)
def test_on(url: str) -> None:
    """Headers, each fault by itself, MSI-X, a lost link."""
    run(url, "-k", "not ten_thousand")


@pytest.mark.deep
@pytest.mark.parametrize("url", SHAPES)
def test_soak(url: str) -> None:
    """Ten thousand requests with faults of all kinds."""
    run(url, "-k", "ten_thousand")
