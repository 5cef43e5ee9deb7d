"""Ending what this process has started when it is told to end itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

__all__ = ["descendants", "ending_children"]


@contextlib.contextmanager
def ending_children() -> Iterator[None]:
    """While it lasts, Ctrl-C and SIGTERM both end all processes below this one, then raise KeyboardInterrupt here.

    A simulator or a compiler that went on by itself would keep its files and a processor. They are asked while this
    process is still their parent: later nobody knows whose they are.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for process in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGTERM)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(number, interrupt) for number in numbers]
    except ValueError:  # not the main thread: leave signals alone
        yield
        return
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def descendants(root: int) -> list[int]:
    """All processes below one, the youngest generation last. Empty on a system without /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text()
            parent = int(text.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(text.partition(" ")[0]))
    found, generation = [], children.get(root, [])
    while generation:
        found += generation
        generation = [child for process in generation for child in children.get(process, [])]
    return found
