"""Outside of a simulator: start it with the same command inside, end it cleanly, and record waves of what failed."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sgdma.errors import RigError, SgdmaError
from sgdma.run.record import RunDirectory, create, slug
from sgdma.run.seed import chosen_seed
from sgdma.run.signals import ending_children
from sgdma.targets.url import check

__all__ = ["INTERRUPTED", "RIG_ERROR", "USAGE_ERROR", "belongs_inside", "run_in_simulator", "run_pytest_inside"]

RIG_ERROR = 3
USAGE_ERROR = int(pytest.ExitCode.USAGE_ERROR)
TESTS_FAILED = int(pytest.ExitCode.TESTS_FAILED)
INTERRUPTED = int(pytest.ExitCode.INTERRUPTED)


def belongs_inside(url: str | None) -> bool:
    """Whether the target answers only inside a simulator and this process is none."""
    if url is None or not url.startswith("sim:") or url.startswith("sim:uart"):
        return False
    from sgdma.targets.sim.launch import is_inside

    return not is_inside()


def run_in_simulator(
    url: str, program: str, arguments: list[str], waves: Path | None = None, waves_limit: int = 0
) -> int:
    """Run a command inside; its exit status. A signal to this process ends the simulator as well."""
    from sgdma.targets.sim.launch import run_inside

    logging.getLogger("Verilator").addFilter(_warnings_only)
    sys.stdout.flush()
    with ending_children():
        return run_inside(url, program, arguments, waves=waves, waves_limit=waves_limit)


def run_pytest_inside(config: pytest.Config) -> int:
    """What `pytest --target sim:` does: the same command inside, then what failed once more with waves."""
    option = config.option
    run: RunDirectory | None = None
    try:
        check(option.target)
        seed = chosen_seed(option.seed)
        arguments = [*map(str, config.invocation_params.args), f"--seed={seed}"]
        if option.run_dir != "":
            run = create(Path(option.run_dir) if option.run_dir else None)
            run.update_target(slug(option.target), {"url": option.target, "seed": seed, "exit_status": None})
        status = run_in_simulator(option.target, "pytest", [*arguments, f"--run-dir={run.path if run else ''}"])
        if run and status == TESTS_FAILED and option.waves:
            _record_waves(option, arguments, run)
        return status
    except KeyboardInterrupt:
        return _ended(run, option.target, INTERRUPTED, "interrupted; the simulator is stopped")
    except RigError as error:
        return _ended(run, option.target, RIG_ERROR, f"rig error: {error}")
    except SgdmaError as error:
        return _ended(run, option.target, USAGE_ERROR, f"usage error: {error}")


def _ended(run: RunDirectory | None, url: str, status: int, message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    if run:
        run.update_target(slug(url), {"exit_status": status})
    return status


def _record_waves(option: Any, arguments: list[str], run: RunDirectory) -> None:
    """Run the first failing tests again with waves; the bundle of each says what became of them."""
    failures = sorted(run.failures(slug(option.target)), key=lambda bundle: bundle.get("order", 0))
    worth = [bundle for bundle in failures if not bundle.get("refused")]
    for bundle in failures:
        if bundle.get("refused"):
            found = {"waves_note": "none: the device was never asked, what went wrong is in the error"}
        elif bundle in worth[: option.waves]:
            found = _once_more(option, arguments, run, bundle)
        else:
            found = {"waves_note": f"none: --waves={option.waves} records the first failures; run this one again alone"}
        run.write_json(bundle["file"], {key: value for key, value in bundle.items() if key != "file"} | found)
    if len(worth) > option.waves:
        more = f"{len(worth) - option.waves} more failures are without waves"
        print(f"sgdma: {more}: run one of them again alone, or all with --waves={len(worth)}", flush=True)  # noqa: T201


def _once_more(option: Any, arguments: list[str], run: RunDirectory, bundle: dict[str, Any]) -> dict[str, Any]:
    """Run one test alone with waves; what its bundle gets: ``waves``, ``waves_note``, ``waves_run``."""
    nodeid = bundle["nodeid"]
    waves = run.path / "waves" / f"{Path(bundle['file']).stem}.vcd"
    waves.parent.mkdir(exist_ok=True)
    for old in waves.parent.glob(f"{waves.stem}.*"):
        old.unlink()
    print(f"sgdma: once more with waves: {nodeid}", flush=True)  # noqa: T201
    with tempfile.TemporaryDirectory(prefix="sgdma-again-") as scratch:
        again = [*arguments, f"--only={nodeid}", f"--run-dir={scratch}", "--junit-xml=", "-q", "--no-header",
                 "--tb=no", "-p", "no:cacheprovider"]  # fmt: skip
        try:
            status = run_in_simulator(option.target, "pytest", again, waves, option.waves_limit << 20)
        except RigError as error:
            notes = [f"none: {error}"]
        else:
            notes = [] if status == TESTS_FAILED else [f"the test ended with status {status} this time"]
        repeated = RunDirectory(Path(scratch)).failures(slug(option.target))
    found: dict[str, Any] = {"waves": str(waves.relative_to(run.path))} if waves.exists() else {}
    cut = waves.with_name(f"{waves.name}.cut")
    if cut.exists():
        notes.append(f"{cut.read_text()}; for all of it: {bundle['again']} --waves-limit=0")
        cut.unlink()
    if repeated:
        found["waves_run"] = {key: repeated[0].get(key) for key in ("error", "time", "link", "pending", "recent")}
    return found | {"waves_note": "; ".join(notes)}


def _warnings_only(record: logging.LogRecord) -> bool:
    """The runner of cocotb says at level INFO which file it starts; nobody asked."""
    return record.levelno >= logging.WARNING
