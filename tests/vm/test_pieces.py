"""The parts of a virtual machine that need none: archives, messages, command lines, and what is said when nothing is to
be had."""

from __future__ import annotations

import io
import os
import socket
import stat
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from sgdma.errors import GuestFailed, MissingTool
from sgdma.vm import cpio, frames, initramfs, obtain
from sgdma.vm.guest import state_file
from sgdma.vm.machine import Settings, command_line, vfio_user
from sgdma.vm.obtain import Machinery
from sgdma.vm.qmp import Monitor

MACHINERY = Machinery(("qemu",), Path("vmlinuz"), Path("modules/6.12"), Path("busybox"))


def members(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and contents by path, read by the format's description."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 109 + name_size].decode()
        start = (at + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return found
        assert name not in found, "twice"
        found[name] = mode, data[start : start + size]
        at = (start + size + 3) & ~3


def test_an_archive_has_every_entry_once_and_directories_first() -> None:
    sink = io.BytesIO()
    entries = [
        cpio.file("usr/bin/tool", b"12345", executable=True),
        cpio.directory("usr/bin"),
        cpio.link("bin", "usr/bin"),
        cpio.device("dev/console", 5, 1),
    ]
    cpio.write_archive(sink, entries)
    found = members(sink.getvalue())
    assert list(found) == ["usr", "usr/bin", "usr/bin/tool", "bin", "dev", "dev/console"]
    assert found["usr/bin/tool"] == (stat.S_IFREG | 0o755, b"12345")
    assert found["bin"] == (stat.S_IFLNK | 0o777, b"usr/bin")
    assert stat.S_ISCHR(found["dev/console"][0])


def test_messages_survive_being_cut() -> None:
    stream = io.BytesIO(frames.pack(frames.OUT, b"abc") + frames.pack(frames.EXIT))

    def bite(size: int) -> bytes:
        return stream.read(min(size, 2))

    assert frames.receive(bite) == (frames.OUT, b"abc")
    assert frames.receive(bite) == (frames.EXIT, b"")
    with pytest.raises(EOFError):
        frames.receive(bite)


def test_byte_code_is_loaded_without_its_source(tmp_path: Path) -> None:
    code = initramfs._byte_code(b"answer = 42\n", "/somewhere/thing.py")
    (tmp_path / "thing.pyc").write_bytes(code)
    done = subprocess.run(
        ["python3.11", "-c", "import thing; print(thing.answer)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "42\n"


def test_the_package_goes_as_source_and_byte_code() -> None:
    with tarfile.open(fileobj=io.BytesIO(initramfs.package_tar())) as archive:
        names = archive.getnames()
    assert "opt/sgdma/host/sgdma/rules/sets/peculiar.toml" in names
    assert "opt/sgdma/host/sgdma/__pycache__/errors.cpython-311.pyc" in names
    assert any(name.endswith("dist-info/entry_points.txt") for name in names), "pytest finds the plugin by it"


def test_the_packages_are_those_of_the_base_install() -> None:
    names = {package.name.lower() for package in initramfs._packages()}
    assert {"numpy", "pytest", "typer", "pluggy", "pyserial"} <= names
    assert not {"sgdma", "cocotb", "litex", "mypy"} & names


def test_the_iommu_comes_before_what_it_stands_in_front_of() -> None:
    words = command_line(MACHINERY, Path("base.cpio"), Path("/place"), Settings(memory_mib=512, hugepages=3))
    devices = [words[at + 1].split(",")[0] for at, word in enumerate(words) if word == "-device"]
    assert devices.index("intel-iommu") == 0
    assert "memory-backend-memfd,id=ram,size=512M,share=on" in words
    assert "intel_iommu=on" in words[words.index("-append") + 1]
    assert "sgdma.hugepages=3" in words[words.index("-append") + 1]
    assert "-incoming" not in words
    assert vfio_user(Path("board"))["socket"]["path"] == str(Path("board").absolute())


def test_a_saved_state_is_of_one_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SGDMA_BUILD_DIR", str(tmp_path))
    states = {state_file(MACHINERY, Path(name), Settings(hugepages=pages)) for name in "ab" for pages in (1, 2)}
    assert len(states) == 4


def test_the_monitor_passes_over_events_and_reports_refusals() -> None:
    ours, theirs = socket.socketpair()

    def qemu() -> None:
        lines = theirs.makefile("rwb", buffering=0)
        lines.write(b'{"QMP": {}}\n')
        lines.readline()
        lines.write(b'{"return": {}}\n')
        lines.readline()
        lines.write(b'{"event": "RESET"}\n{"error": {"desc": "no such bus"}}\n')

    thread = threading.Thread(target=qemu)
    thread.start()
    with Monitor(ours) as monitor, pytest.raises(GuestFailed, match="refuses device_add: no such bus"):
        monitor.command("device_add", driver="x")
    thread.join()
    theirs.close()


def test_no_apt_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SGDMA_BUILD_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="no apt-get"):
        obtain.obtain(lambda _: None)


def test_offline_is_said_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SGDMA_BUILD_DIR", str(tmp_path / "build"))
    tools = tmp_path / "bin"
    tools.mkdir()
    answers = {
        "apt-config": "echo 'Acquire::Retries \"0\";'", "apt-cache": "true", "dpkg": "true",
        "apt-get": 'if [ $1 = indextargets ]; then echo "stable main mirror:/"; else echo "E: no route"; exit 100; fi',
    }  # fmt: skip
    for name, script in answers.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(obtain, "_machines_own", lambda: None)
    with pytest.raises(GuestFailed, match="is this machine online") as failure:
        obtain.obtain(lambda _: None)
    assert "no route" in str(failure.value)
    assert not [path for path in (tmp_path / "build/vm").rglob("*") if path.is_dir() and path.name != "trixie-1"]
