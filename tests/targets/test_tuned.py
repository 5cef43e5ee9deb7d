"""A simulator tuned by a run of its own: it is kept apart from the plain one, and from those of other processors."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgdma.spec.build import BuildParameters
from sgdma.targets.sim import build, launch

pytestmark = pytest.mark.sim


def _keys(monkeypatch: pytest.MonkeyPatch, machine: str, tmp_path: Path) -> list[str]:
    """Directories of the plain simulator and of the tuned one, on a processor of that description; none is made."""
    monkeypatch.setenv("SGDMA_BUILD_DIR", str(tmp_path))
    monkeypatch.setattr(build, "_machine", lambda: machine)
    monkeypatch.setattr(build, "_make", lambda *arguments: None)
    monkeypatch.setattr(build, "_compile", lambda *arguments: None)
    trains = (None, lambda raw: None)
    return [build.build(BuildParameters(), train=train).directory.name for train in trains]


def test_only_the_tuned_simulator_depends_on_the_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain, tuned = _keys(monkeypatch, "one", tmp_path)
    other_plain, other_tuned = _keys(monkeypatch, "another", tmp_path)
    assert plain == other_plain
    assert len({plain, tuned, other_tuned}) == 3


@pytest.mark.deep
def test_a_tuned_simulator_moves_data_and_was_compiled_by_its_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SGDMA_BUILD_DIR", str(tmp_path))
    call = ["sim:?data_width=256", "copy", str(tmp_path / "figures.json")]
    assert launch.run_inside(call[0], "sgdma.bench.sim:inside", call, train=call) == 0
    (log,) = tmp_path.glob("sim/*/build.log")
    assert "-fprofile-use" in log.read_text()
    assert list(log.parent.glob("Vtop___024root__*.gcda"))
