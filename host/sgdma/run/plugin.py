"""The pytest plugin: ``--target URL`` picks the rung, the ``dma`` fixture talks to it.

It is loaded wherever sgdma is installed and does nothing there until a test uses ``dma``, ``target`` or ``rng``, or
one of its options is given. With ``--target`` or ``--run-dir`` a run directory is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sgdma.run.markers import MARKERS, check_markers, lacking

if TYPE_CHECKING:
    import numpy as np

    from sgdma.engine.device import Dma
    from sgdma.run.session import Session
    from sgdma.targets import Capability, Target

SESSION: pytest.StashKey[Session] = pytest.StashKey()
DEFAULT_TARGET = "model:"
OURS = {"dma", "target", "caps", "rng"}
RIG_ERROR = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run on a device."""
    group = parser.getgroup("sgdma", "the device under test")
    group.addoption("--target", metavar="URL", help=f"what answers, see `sgdma targets` (default {DEFAULT_TARGET})")
    group.addoption("--seed", metavar="N", type=lambda text: int(text, 0), help="of the rng fixture; else SGDMA_SEED")
    group.addoption("--allow-mismatch", action="store_true", help="talk to a device that this host does not know")
    group.addoption("--run-dir", metavar="DIR", help="where to leave the record; with --target, runs/ by default")
    group.addoption("--waves", metavar="N", type=_natural, default=3,
                    help="in simulation, run so many failing tests again with waves (default 3)")  # fmt: skip
    group.addoption("--waves-limit", metavar="MB", type=_natural, default=128,
                    help="keep so much of each one's waves, beginning and end (default 128; 0: all)")  # fmt: skip
    group.addoption("--only", metavar="NODEID", help=argparse.SUPPRESS)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Start the simulator for a target that lives in one."""
    from sgdma.run.outside import belongs_inside, run_pytest_inside

    other = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "collectonly", "cacheshow")
    if any(getattr(config.option, name, None) for name in other) or not belongs_inside(config.option.target):
        return None
    return run_pytest_inside(config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers; prepare the session."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    from sgdma.run.seed import chosen_seed
    from sgdma.run.session import Session

    option = config.option
    with _usage_errors():
        if option.target:
            from sgdma.targets.url import check

            check(option.target)
        session = Session(option.target or DEFAULT_TARGET, chosen_seed(option.seed), option.allow_mismatch)
    config.stash[SESSION] = session
    if (option.run_dir or (option.target and option.run_dir is None)) and not option.collectonly:
        with _usage_errors():
            session.keep(Path(option.run_dir) if option.run_dir else None)
        option.xmlpath = getattr(option, "xmlpath", None) or str(session.junit)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A file outside pytest's root directory goes by its whole path; pytest gives the tests of all of them one name."""
    if module_path.is_relative_to(parent.config.rootpath):
        return None
    module: pytest.Module = pytest.Module.from_parent(parent, path=module_path, nodeid=module_path.as_posix())
    return module


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse misused markers; with --only, keep one test."""
    check_markers(item for item in items if _uses(item))
    if config.option.only:
        others = [item for item in items if item.nodeid != config.option.only]
        items[:] = [item for item in items if item.nodeid == config.option.only]
        config.hook.pytest_deselected(items=others)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | list[str]:
    """Say target and seed, when a test uses them."""
    if not any(_uses(item) for item in items):
        return []
    session = config.stash[SESSION]
    return f"target {session.url}, seed {session.seed} (again: --seed {session.seed})"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what the target lacks."""
    if not _uses(item):
        return
    session = item.config.stash[SESSION]
    with _rig_errors():
        session.begin(item.nodeid)
        reason = lacking(item, session.rig)
    if reason:
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Behind a test that passed: nothing pending, no fault seen, guards intact. Else the test fails."""
    result = yield
    fault = _inspected(item) if _uses(item) else ""
    if fault:
        pytest.fail(f"behind the test: {fault}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A broken rig is an error, not a failure; a failure leaves its bundle while the device is still there.

    A test that needs more memory than the target has at all is skipped.
    """
    report = yield
    if report.failed and call.excinfo is not None and _uses(item):
        session = item.config.stash[SESSION]
        small = session.too_small(call.excinfo.value)
        if small:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: {small}")
        else:
            session.explain(item, report, call.excinfo.value)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> Generator[None, object, object]:
    """A rig that broke in a test's body is counted now: its title shall not speak of setup."""
    result = yield
    report.when = getattr(report, "phase", report.when)
    return result


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close the device, end the record."""
    own = session.config.stash.get(SESSION, None)
    error = own.finish(int(exitstatus)) if own else None
    if error is not None:
        from sgdma.errors import RigError

        rig = isinstance(error, RigError)
        session.exitstatus = RIG_ERROR if rig else max(int(exitstatus), 1)
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.write_line(f"{'rig error' if rig else 'at the end'}: {error}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The results are written now: give them their place."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        session.place_junit(getattr(config.option, "xmlpath", None))


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The open target of this session."""
    with _rig_errors():
        return request.config.stash[SESSION].rig.target


@pytest.fixture(scope="session")
def caps(target: Target) -> Capability:
    """What the target can do beyond the bare contract."""
    return target.capabilities


@pytest.fixture
def dma(request: pytest.FixtureRequest, target: Target) -> Iterator[Dma]:
    """A fresh device on the session's target: reset, no faults injected, the fixture empty, guarded buffers."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("dma_options"))):
        options |= marker.kwargs
    with contextlib.ExitStack() as stack:
        with _rig_errors():
            device = stack.enter_context(request.config.stash[SESSION].rig.device(**options))
        yield device


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers of this test: the same for the same --seed, whatever else runs."""
    import numpy as np

    name = request.node.nodeid.rpartition("/")[2]
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([request.config.stash[SESSION].seed, int.from_bytes(digest[:8], "little")])


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: must be an integer, 0 or more")
    return int(text)


def _inspected(item: pytest.Item) -> str:
    """What is wrong behind the test, empty when all is well."""
    from sgdma.errors import DeviceError

    device = getattr(item, "funcargs", {}).get("dma")
    try:
        if device is not None:
            device.inspect()
    except (AssertionError, DeviceError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _uses(item: pytest.Item) -> bool:
    """Whether a test takes one of the fixtures below; a fixture of another's, by the same name, is none."""
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return any(definitions[name][-1].func.__module__ == __name__ for name in OURS if name in definitions)


@contextlib.contextmanager
def _rig_errors() -> Iterator[None]:
    """A rig that can't be opened ends the session: no verdict on any test."""
    from sgdma.errors import RigError, UsageError

    try:
        yield
    except RigError as error:
        pytest.exit(f"rig error: {error}", RIG_ERROR)
    except UsageError as error:
        pytest.exit(f"usage error: {error}", int(pytest.ExitCode.USAGE_ERROR))


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    from sgdma.errors import SgdmaError, UsageError

    try:
        yield
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    except SgdmaError as error:
        pytest.exit(str(error), RIG_ERROR)
