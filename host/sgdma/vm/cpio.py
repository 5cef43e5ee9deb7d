"""The archive that Linux unpacks at boot: cpio in its "newc" form, uncompressed, as the guest is slow."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

__all__ = ["Entry", "device", "directory", "file", "link", "write_archive"]

MAGIC, TRAILER = b"070701", "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """One member. `path` has no leading slash; `data` is a file's contents or a link's target."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(path: str) -> Entry:
    """A directory that everybody may read."""
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, data: bytes, *, executable: bool = False) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | (0o755 if executable else 0o644), data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def device(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path, stat.S_IFCHR | 0o600, b"", (major, minor))


def write_archive(sink: BinaryIO, entries: Iterable[Entry]) -> None:
    """Write the entries, each preceded by the directories it needs that none of them named before."""
    known: set[str] = set()
    number = 1
    for entry in entries:
        for parent in reversed(PurePosixPath(entry.path).parents):
            if str(parent) != "." and str(parent) not in known:
                known.add(str(parent))
                _write(sink, directory(str(parent)), number)
                number += 1
        if entry.path not in known or not stat.S_ISDIR(entry.mode):
            known.add(entry.path)
            _write(sink, entry, number)
            number += 1
    _write(sink, Entry(TRAILER, 0), 0)


def _write(sink: BinaryIO, entry: Entry, number: int) -> None:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, user, group, links, time, size, device of the file system, device of a node, length of name, checksum
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    header = MAGIC + b"".join(b"%08X" % field for field in fields) + name
    sink.write(header + bytes(-len(header) % 4))
    sink.write(entry.data)
    sink.write(bytes(-len(entry.data) % 4))
