"""Outside of a simulator: start it with the same command inside, end it cleanly, and record waves of what failed."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from sgdma.errors import RigError, SgdmaError
from sgdma.run.record import RunDirectory, create, slug
from sgdma.run.seed import chosen_seed
from sgdma.run.signals import ending_children
from sgdma.targets.url import check

__all__ = ["INTERRUPTED", "RIG_ERROR", "USAGE_ERROR", "belongs_inside", "run_in_simulator", "run_pytest_inside"]

RIG_ERROR = 3
USAGE_ERROR = int(pytest.ExitCode.USAGE_ERROR)
INTERRUPTED = int(pytest.ExitCode.INTERRUPTED)


def belongs_inside(url: str | None) -> bool:
    """Whether the target answers only inside a simulator and this process is none."""
    if url is None or not url.startswith("sim:") or url.startswith("sim:uart"):
        return False
    from sgdma.targets.sim.launch import is_inside

    return not is_inside()


def run_in_simulator(url: str, program: str, arguments: list[str], waves: Path | None = None) -> int:
    """Run a command inside; its exit status. A signal to this process ends the simulator as well."""
    from sgdma.targets.sim.launch import run_inside

    logging.getLogger("Verilator").addFilter(_warnings_only)
    sys.stdout.flush()
    with ending_children():
        return run_inside(url, program, arguments, waves=waves)


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
        if run and status == pytest.ExitCode.TESTS_FAILED and option.waves:
            _record_waves(option.target, arguments, run, option.waves)
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


def _record_waves(url: str, arguments: list[str], run: RunDirectory, most: int) -> None:
    """Run the first failing tests again, each alone, with waves, and add the file to its bundle."""
    for bundle in run.failures(slug(url))[:most]:
        nodeid = bundle["nodeid"]
        waves = run.path / "waves" / f"{Path(bundle['file']).stem}.vcd"
        waves.parent.mkdir(exist_ok=True)
        print(f"sgdma: once more with waves: {nodeid}", flush=True)  # noqa: T201
        again = [*arguments, f"--only={nodeid}", "--run-dir=", "--junit-xml=", "-q", "--no-header", "--tb=no",
                 "-p", "no:cacheprovider"]  # fmt: skip
        try:
            status = run_in_simulator(url, "pytest", again, waves)
        except RigError as error:
            note = f"none: {error}"
        else:
            note = "" if status == pytest.ExitCode.TESTS_FAILED else f"the test ended with status {status} this time"
        values = {key: value for key, value in bundle.items() if key != "file"}
        if waves.exists():
            values["waves"] = str(waves.relative_to(run.path))
        run.write_json(bundle["file"], values | {"waves_note": note})


def _warnings_only(record: logging.LogRecord) -> bool:
    """The runner of cocotb says at level INFO which file it starts; nobody asked."""
    return record.levelno >= logging.WARNING
