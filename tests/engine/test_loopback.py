"""A file there and back, in the library and on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sgdma.cli import EXIT_CODES, app, exit_code
from sgdma.engine.loopback import run_loopback
from sgdma.errors import DeviceReset, OutOfMemory, PieceError, SgdmaError

from .conftest import Opener


@pytest.mark.parametrize("url", ["model:", "model:?rules=nvme-prp&data_width=512", "model:?queues=1&jitter=300&seed=9"])
@pytest.mark.parametrize("size", [0, 1, 100_003])
def test_data_comes_back_with_256_requests_in_flight(opened: Opener, url: str, size: int) -> None:
    dma = opened(url)
    data = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8).tobytes()
    heard: list[int] = []
    result = run_loopback(dma, data, seed=11, progress=heard.append)
    assert result.same
    assert result.in_flight >= min(256, result.requests)
    assert heard[-1:] == ([size] if size else heard[-1:])
    assert not dma.faults
    assert dma.pending == 0


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "150"})
    return result.exit_code, result.output


def test_the_command_prints_its_seed_and_repeats_by_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 100)
    outputs = [call("loopback", str(tmp_path / "file"), "--seed", "77") for _ in range(2)]
    assert all(code == 0 and "seed 77" in text and "same" in text for code, text in outputs)
    assert len({text.split("requests")[0].split()[-1] for _, text in outputs}) == 1


def test_probe_and_targets_tell_what_there_is() -> None:
    assert call("targets")[0] == 0
    code, text = call("probe", "--target", "model:?rules=ata-prd&data_width=128")
    assert code == 0
    assert "ata-prd" in text
    assert "128 bit" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("probe", "--target", "nowhere:"), 2, "model:"),
        (("probe", "--target", "model:?data_width=65"), 2, "64, 128, 256, 512"),
        (("loopback", __file__, "--target", "model:?memory=65536&rules=unrestricted"), 3, "free"),
    ],
)
def test_errors_are_one_message_and_an_exit_code(words: tuple[str, ...], code: int, said: str) -> None:
    found, text = call(*words)
    assert found == code
    assert said in text
    assert "Traceback" not in text


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(url: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sgdma.commands.probe.open_target", interrupted)
    assert call("probe")[0] == 130


def test_every_family_of_errors_has_its_exit_code() -> None:
    kinds: list[SgdmaError] = [PieceError(), DeviceReset(), OutOfMemory(), SgdmaError()]
    assert [exit_code(error) for error in kinds] == [2, 1, 3, 1]
    assert len(EXIT_CODES) == 3


def test_the_rules_do_not_pull_in_the_engine() -> None:
    code = "import sgdma, sgdma.rules, sys; sys.exit('sgdma.engine' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
