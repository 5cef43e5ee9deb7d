"""QEMU and a guest kernel: the machine's own QEMU if it is new enough, else Debian's, unpacked into the build cache.

Nothing is installed. apt works on a root of its own below the cache, with the mirror, proxy and keys that the machine's
apt has; the packages are unpacked, never configured, and QEMU is started through the loader that came with it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from sgdma.errors import GuestFailed, MissingTool
from sgdma.paths import build_cache

__all__ = ["Machinery", "obtain", "tell", "vm_cache"]

SUITE, BACKPORTS = "trixie", "trixie-backports"
"""Whence: the kernel and busybox from the first, QEMU >= 10.1 from the second."""
QEMU, KERNEL, BUSYBOX = "qemu-system-x86", "linux-image-cloud-amd64", "busybox-static"
PROGRAM, DEVICE = "qemu-system-x86_64", "vfio-user-pci"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_LIMIT = 600.0
"""Seconds that one call of apt may take."""

Tell = Callable[[str], None]


def tell(message: str) -> None:
    """Progress to the user, on standard error."""
    sys.stderr.write(f"sgdma: {message}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Machinery:
    """What a guest is made of. ``qemu``: the command line's first words, loader and library path included."""

    qemu: tuple[str, ...]
    kernel: Path
    modules: Path
    """``lib/modules/RELEASE`` of the kernel."""
    busybox: Path


def vm_cache() -> Path:
    """Where everything for virtual machines is kept."""
    return build_cache() / "vm"


def obtain(report: Tell = tell) -> Machinery:
    """QEMU, kernel and busybox, fetched if they are not there yet.

    Raises MissingTool (no apt or dpkg, another processor), GuestFailed (offline, no such package) with apt's own words.
    """
    root = vm_cache() / f"{SUITE}-1"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "lock"):
        own = _machines_own()
        wanted = {"guest": root / "guest"} | ({} if own else {"qemu": root / "qemu"})
        missing = {name: path for name, path in wanted.items() if not path.is_dir()}
        if missing:
            _fetch(missing, root, report)
    return _described(root, own)


def _described(root: Path, own: str | None) -> Machinery:
    guest = root / "guest"
    kernels, modules = sorted(guest.glob("boot/vmlinuz-*")), sorted(guest.glob("usr/lib/modules/*"))
    if not kernels or not modules:
        raise GuestFailed(f"{guest} holds no kernel with modules; remove it and run `sgdma vm setup` again")
    qemu = (own,) if own else _prefixed(root / "qemu")
    return Machinery(qemu, kernels[-1], modules[-1], guest / "usr" / "bin" / "busybox")


def _prefixed(prefix: Path) -> tuple[str, ...]:
    """The command that starts the unpacked QEMU with its own loader, libraries and firmware."""
    libraries, share = prefix / "usr/lib/x86_64-linux-gnu", prefix / "usr/share"
    return (
        str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(prefix / "usr/bin" / PROGRAM),
        "-L", str(share / "qemu"), "-L", str(share / "seabios"),
    )  # fmt: skip


def _machines_own() -> str | None:
    """The machine's QEMU, if it knows vfio-user devices."""
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    try:
        devices = subprocess.run([program, "-device", "help"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if f'"{DEVICE}"' in devices.stdout else None


# --- apt on a root of its own -----------------------------------------------------------------------------------------


def _fetch(missing: dict[str, Path], root: Path, report: Tell) -> None:
    if platform.machine() != "x86_64":
        raise MissingTool(f"the virtual slot is made of amd64 packages; this processor is {platform.machine()}")
    for tool in ("apt-get", "apt-cache", "apt-config", "dpkg"):
        if not shutil.which(tool):
            raise MissingTool(f"no {tool}: QEMU >= 10.1 with {DEVICE} and a guest kernel come as Debian packages")
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=root) as place:
        scratch = Path(place)
        run = _apt(scratch)
        report(f"fetching the package lists of {SUITE}")
        run("apt-get", "update")
        for name, prefix in missing.items():
            archives = _qemu_archives(run, scratch, report) if name == "qemu" else _guest_archives(run, scratch, report)
            _unpack(archives, scratch / name)
            (scratch / name).rename(prefix)


Run = Callable[..., str]


def _apt(root: Path) -> Run:
    """A runner of apt's programs on a root of their own: only the machine's `Acquire` settings (proxies) are kept."""
    for directory in ("state/lists/partial", "cache/archives/partial", "parts", "preferences"):
        (root / directory).mkdir(parents=True)
    (root / "status").touch()
    # Read before the settings below point elsewhere.
    acquire = _output(["apt-config", "dump", "Acquire"], dict(os.environ))
    signed = f"[arch=amd64 signed-by={KEYRING}]" if KEYRING.exists() else "[arch=amd64]"
    sources = "".join(f"deb {signed} {_mirror()} {suite} main\n" for suite in (SUITE, BACKPORTS))
    (root / "sources.list").write_text(sources)
    settings = {
        "Dir::Etc::parts": root / "parts", "Dir::Etc::main": "/dev/null", "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": root / "preferences", "Dir::State": root / "state",
        "Dir::State::status": root / "status", "Dir::Cache": root / "cache", "APT::Sandbox::User": "root",
        "APT::Architecture": "amd64", "APT::Install-Recommends": "false", "Acquire::Languages": "none",
        "Acquire::Retries": 2,
    }  # fmt: skip
    config = root / "apt.conf"
    config.touch(mode=0o600)  # a proxy's settings may hold a password
    config.write_text(acquire + "".join(f'{key} "{value}";\n' for key, value in settings.items()))
    environment = {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return lambda *command, cwd=None: _output(list(command), environment, cwd)


def _mirror() -> str:
    """The archive that the machine's own apt takes Debian from."""
    listed = _output(
        ["apt-get", "indextargets", "--no-release-info", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"],
        {**os.environ, "LC_ALL": "C"},
    )
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", SUITE)
    targets = [line.split() for line in listed.splitlines()]
    for release, component, *address in targets:
        if release in (codename, SUITE, "stable", "sid", "testing") and component == "main" and address:
            return address[0]
    raise GuestFailed(
        f"apt on this machine knows no Debian mirror (of {codename}); add one to its sources, "
        f"or install a QEMU >= 10.1 with {DEVICE}"
    )


def _qemu_archives(run: Run, scratch: Path, report: Tell) -> list[Path]:
    report(f"fetching QEMU from {BACKPORTS}, with its libraries (about 40 MB)")
    run("apt-get", "install", "--download-only", "-y", "-t", BACKPORTS, QEMU)
    return sorted((scratch / "cache/archives").glob("*.deb"))


def _guest_archives(run: Run, scratch: Path, report: Tell) -> list[Path]:
    depends = run("apt-cache", "depends", KERNEL).split()
    images = [word for word in depends if word.startswith("linux-image-") and word[12].isdigit()]
    if not images:
        raise GuestFailed(f"{SUITE} has no kernel behind {KERNEL}: {' '.join(depends) or 'nothing'}")
    report(f"fetching the guest's kernel, {images[0]} (about 35 MB)")
    place = scratch / "guest-archives"
    place.mkdir()
    run("apt-get", "download", images[0], BUSYBOX, cwd=place)
    return sorted(place.glob("*.deb"))


def _unpack(archives: list[Path], prefix: Path) -> None:
    prefix.mkdir()
    for archive in archives:
        _output(["dpkg", "-x", str(archive), str(prefix)], dict(os.environ))
    for unread in ("doc", "man", "locale"):
        shutil.rmtree(prefix / "usr/share" / unread, ignore_errors=True)


def _output(command: list[str], environment: dict[str, str], cwd: Path | None = None) -> str:
    """A program's standard output. Raises GuestFailed with its own words when it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=APT_LIMIT, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GuestFailed(f"{' '.join(command[:2])} did not run: {error}") from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-6:])
        raise GuestFailed(f"{' '.join(command[:2])} ended with {done.returncode}; is this machine online?\n{said}")
    return done.stdout
