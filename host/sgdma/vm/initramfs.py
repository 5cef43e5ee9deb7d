"""What the guest boots into: busybox, this machine's Python and the packages of sgdma, VFIO modules, the agent.

The package itself is not in it: that goes to the guest as a tar at every start, so a change of it costs nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import lzma
import marshal
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from filelock import FileLock
from packaging.requirements import Requirement

from sgdma.errors import GuestFailed
from sgdma.vm import cpio
from sgdma.vm.agent import HOUSE, SITE
from sgdma.vm.obtain import Machinery, Tell, tell, vm_cache

__all__ = ["base_archive", "package_tar"]

PACKAGE = Path(__file__).resolve().parents[1]
MODULES = ("irqbypass", "vfio", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci")
"""In the order they are loaded in."""
STDLIB = "usr/lib/python3.11"
SKIPPED = {
    "test", "tests", "__pycache__", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "pydoc_data", "f2py",
    "distutils", "site-packages", "include", "_pyinstaller", "venv",
}  # fmt: skip
UNUSED = ("_tkinter", "_sqlite3", "_test", "_xx", "xxlimited", "_curses", "_dbm", "_gdbm", "nis", "readline")
"""Extension modules that would only bring libraries along."""
UNREAD = (".pyi", ".h", ".c", ".a", ".pyx", ".pxd", ".exe", ".typed", ".pyc")
AGENT = ("__init__.py", "vm/__init__.py", "vm/frames.py", "vm/agent.py")


def base_archive(machinery: Machinery, report: Tell = tell) -> Path:
    """The initramfs, made if there is none yet for this Python, these packages and this kernel."""
    packages = _packages()
    key = hashlib.sha256(repr((sys.version, machinery.modules.name, [(p.name, p.version) for p in packages])).encode())
    for name in (*AGENT[1:], "vm/cpio.py", "vm/initramfs.py", "vm/init.sh"):
        key.update((PACKAGE / name).read_bytes())
    archive = vm_cache() / f"base-{key.hexdigest()[:16]}.cpio"
    with FileLock(vm_cache() / "base.lock"):
        if not archive.exists():
            report("packing the guest's files")
            partial = archive.with_suffix(".partial")
            with partial.open("wb") as sink:
                cpio.write_archive(sink, _entries(machinery, packages))
            for stale in (*vm_cache().glob("base-*.cpio"), *vm_cache().glob("ready-*.state")):
                stale.unlink()
            partial.rename(archive)
    return archive


def _entries(machinery: Machinery, packages: list[metadata.Distribution]) -> Iterator[cpio.Entry]:
    yield from _skeleton(machinery)
    objects: set[Path] = set()
    for entry, source in (*_python(), *_site(packages)):
        if source.suffix == ".so" or ".so." in source.name or entry.path.startswith("usr/bin/"):
            objects.add(source)
        yield entry
    yield from _libraries(objects)


def _skeleton(machinery: Machinery) -> Iterator[cpio.Entry]:
    """Directories, busybox with a name for each of its programs, modules, init and agent."""
    yield from map(cpio.directory, ("dev", "proc", "sys", "tmp", "home", "run", "usr/bin", "usr/lib", "usr/lib64"))
    for name in ("bin", "sbin", "lib", "lib64"):
        yield cpio.link(name, {"sbin": "usr/bin"}.get(name, f"usr/{name}"))
    yield cpio.device("dev/console", 5, 1)
    yield cpio.directory(HOUSE[1:])
    yield cpio.file(f"{SITE[1:]}/sgdma-house.pth", f"{HOUSE}\n".encode())
    yield cpio.file("usr/bin/busybox", machinery.busybox.read_bytes(), executable=True)
    for name in _output([str(machinery.busybox), "--list"]).split():
        if name != "busybox":
            yield cpio.link(f"usr/bin/{name}", "busybox")
    yield cpio.file("init", (PACKAGE / "vm/init.sh").read_bytes(), executable=True)
    loaded = []
    for name in MODULES:
        for path in machinery.modules.rglob(f"{name}.ko*"):
            data = path.read_bytes()
            yield cpio.file(f"modules/{name}.ko", lzma.decompress(data) if path.suffix == ".xz" else data)
            loaded.append(name)
    yield cpio.file("modules/order", "\n".join(loaded).encode())
    for name in AGENT:
        yield from (entry for entry, _ in _compiled(PACKAGE / name, f"agent/sgdma/{name}"))


# --- Python -----------------------------------------------------------------------------------------------------------

Packed = tuple[cpio.Entry, Path]
"""An entry and the file it was made of."""


def _python() -> Iterator[Packed]:
    """The interpreter that runs this, and its standard library, compiled."""
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    yield cpio.file("usr/bin/python3.11", base.read_bytes(), executable=True), base
    for name in ("python3", "python"):
        yield cpio.link(f"usr/bin/{name}", "python3.11"), base
    library = Path(sysconfig.get_path("stdlib"))
    for path in _wanted(library):
        yield from _compiled(path, f"{STDLIB}/{path.relative_to(library)}")


def _site(packages: list[metadata.Distribution]) -> Iterator[Packed]:
    """The packages' files, with what `importlib.metadata` needs to know of them."""
    for package in packages:
        root = Path(str(package.locate_file(""))).resolve()
        for member in package.files or ():
            path = root / member
            if ".." in member.parts or not path.is_file() or SKIPPED.intersection(member.parts):
                continue
            if path.suffix not in UNREAD:
                yield from _compiled(path, f"{SITE[1:]}/{member}")


def _wanted(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.name in SKIPPED or path.name.startswith(("config-", *UNUSED)):
            continue
        if path.is_dir():
            yield from _wanted(path)
        elif path.suffix not in UNREAD:
            yield path


def _compiled(path: Path, target: str) -> Iterator[Packed]:
    """A module as its byte code, in its source's place; any other file as it is."""
    data = path.read_bytes()
    if path.suffix != ".py":
        yield cpio.file(target, data, executable=".so" in path.name), path
        return
    try:
        yield cpio.file(f"{target}c", _byte_code(data, f"/{target}")), path
    except (SyntaxError, ValueError):  # a template or a test of the parser: nobody imports it
        return


def _byte_code(source: bytes, name: str) -> bytes:
    """What stands in a .pyc that is never compared with its source."""
    code = compile(source, name, "exec", dont_inherit=True)
    unchecked = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(source) + marshal.dumps(code)


def _packages() -> list[metadata.Distribution]:
    """What sgdma needs without any extra, and what those need, by name."""
    found: dict[str, metadata.Distribution] = {}
    todo = ["sgdma"]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise GuestFailed(f"no package {name} in this Python; ci/setup.sh installs what the guest needs") from error
        for requirement in map(Requirement, found[name].requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(re.sub("[-_.]+", "-", requirement.name).lower())
    del found["sgdma"]
    return [found[name] for name in sorted(found)]


def _libraries(objects: set[Path]) -> Iterator[cpio.Entry]:
    """The shared libraries that the objects need, where their loader will look for them."""
    listed = _output(["ldd", *map(str, sorted(objects))])
    found = set(re.findall(r"=> (/\S+)", listed)) | set(re.findall(r"^\s+(/\S+) \(0x", listed, re.MULTILINE))
    packed = {path.resolve() for path in objects}
    for name in sorted(found):
        if Path(name).resolve() in packed:
            continue
        place = name[1:] if name.startswith("/usr") else re.sub(r"^/(lib|lib64)/", r"usr/\1/", name).lstrip("/")
        yield cpio.file(place, Path(name).read_bytes(), executable=True)


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise GuestFailed(f"{command[0]} failed, the guest's files can't be packed: {error}") from error


# --- our own package --------------------------------------------------------------------------------------------------


def package_tar() -> bytes:
    """The package as it is now, sources with byte code beside them, for the guest to unpack at its root."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))

        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                _add_source(add, path, f"{HOUSE[1:]}/sgdma/{path.relative_to(PACKAGE)}")
        for name in ("METADATA", "entry_points.txt"):
            text = metadata.distribution("sgdma").read_text(name)
            add(f"{HOUSE[1:]}/sgdma-{metadata.version('sgdma')}.dist-info/{name}", (text or "").encode())
    return packed.getvalue()


def _add_source(add: Callable[[str, bytes], None], path: Path, target: str) -> None:
    data = path.read_bytes()
    add(target, data)
    if path.suffix == ".py":
        folder, _, name = target.rpartition("/")
        tag = sys.implementation.cache_tag
        add(f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc", _byte_code(data, f"/{target}"))
