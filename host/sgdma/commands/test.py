"""`sgdma test`: the shared suite on one target after the other, into one run directory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.console import Console

import sgdma.suite
from sgdma.commands.report import report_on
from sgdma.errors import UsageError
from sgdma.run.record import RunDirectory, create
from sgdma.run.seed import chosen_seed
from sgdma.run.signals import ending_children
from sgdma.targets.url import check

__all__ = ["pytest_arguments", "run_suite", "suite_command", "suite_path"]

USAGE_ERROR, RIG_ERROR = 2, 3


def suite_command(
    context: typer.Context,
    target: Annotated[list[str] | None, typer.Option(help="URL of a target; give it several times.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of random tests; by default SGDMA_SEED, else new.", min=0)] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Where to leave the record; by default a new one.")] = None,
) -> None:
    """Run the shared suite on each target, then report. What follows the options goes to pytest: -k, -x, paths, ...

    Exit code: 0 all good, 1 a failure or a test silently absent on one target, 2 wrong usage, 3 a rig is broken.
    """
    urls, chosen = _checked(target or ["model:"]), chosen_seed(seed)
    run, statuses = create(run_dir), []
    for url in urls:
        statuses.append(run_suite(url, run, chosen, context.args))
        if statuses[-1] == pytest.ExitCode.USAGE_ERROR:
            run.forget()
            raise typer.Exit(USAGE_ERROR)
    good = report_on(run)
    if RIG_ERROR in statuses:
        raise typer.Exit(RIG_ERROR)
    if not good or any(statuses):
        raise typer.Exit(1)


def suite_path() -> Path:
    """Where the shared suite is installed."""
    return Path(next(iter(sgdma.suite.__path__)))


def run_suite(url: str, run: RunDirectory, seed: int, arguments: Sequence[str] = ()) -> int:
    """Run the suite on one target in a pytest of its own; its exit status."""
    Console().rule(url, align="left")
    with ending_children():
        return subprocess.call([sys.executable, "-m", "pytest", *pytest_arguments(url, run, seed, arguments)])


def pytest_arguments(url: str, run: RunDirectory, seed: int, arguments: Sequence[str]) -> list[str]:
    """The suite's own path unless paths are given, and the tiers of every day unless others are asked for."""
    paths = [] if any(map(_names_tests, ["", *arguments], arguments)) else [str(suite_path())]
    tier = [] if "-m" in arguments else ["-m", "not deep"]
    own = ["--import-mode=importlib", "--target", url, f"--seed={seed}", f"--run-dir={run.path}", "-q", *tier]
    return [*own, *arguments, *paths]


def _names_tests(before: str, word: str) -> bool:
    """Whether `word` is a path; behind an option only what can't be anything else, as the value of `-k` is none."""
    like_a_path = "/" in word or "::" in word or word.endswith(".py")
    return (like_a_path or not before.startswith("-")) and Path(word.partition("::")[0]).exists()


def _checked(urls: Sequence[str]) -> list[str]:
    for url in urls:
        check(url)
        if urls.count(url) > 1:
            raise UsageError(f"target {url!r} is given {urls.count(url)} times: once is enough to compare with others")
    return list(urls)
