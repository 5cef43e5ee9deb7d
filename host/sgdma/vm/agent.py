"""The guest's side of the control port: runs commands, streams their output, takes and gives files.

Started by init with the standard library alone in reach. Packages that every command needs are imported once, here, and
commands in Python are forked from this process: starting an interpreter takes seconds on an emulated processor.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import runpy
import select
import selectors
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sgdma.vm import frames

PORT = "/dev/virtio-ports/org.sgdma.control", "/dev/vport0p1"
HOUSE = "/opt/sgdma/host"
"""Where the host puts the package; a .pth file of the guest's site-packages names it."""
SITE = "/usr/lib/python3.11/site-packages"
AGENT = "/agent"
"""Where this file and its package are."""
PRELOADED = ("numpy", "pytest", "typer", "rich.console", "rich.table", "jinja2", "google_crc32c", "platformdirs")


def main() -> None:
    """Serve the port until the host lets go of it."""
    for name in PRELOADED:
        importlib.import_module(name)
    port = os.open(next(path for path in PORT if Path(path).exists()), os.O_RDWR)

    def send(kind: bytes, data: bytes = b"") -> None:
        left = memoryview(frames.pack(kind, data))
        while left:
            left = left[os.write(port, left[: 1 << 20]) :]

    served = False
    send(frames.READY)
    while True:
        try:
            kind, data = frames.receive(lambda size: os.read(port, size))
        except EOFError:
            if served:
                return
            select.select([], [], [], 0.02)  # a saved guest wakes up before its host speaks to it
            continue
        served = True
        try:
            HANDLERS[kind](data, send)
        except Exception as error:  # whatever it is, the host shall hear of it
            send(frames.FAIL, f"{type(error).__name__}: {error}".encode())


Send = Callable[..., None]


def put(data: bytes, send: Send) -> None:
    """Unpack a tar at the root: by busybox, which is ten times as fast here as Python."""
    subprocess.run(["tar", "-x", "-C", "/"], input=data, check=True)
    send(frames.EXIT, json.dumps({"status": 0}).encode())


def get(data: bytes, send: Send) -> None:
    """Send a file or directory as a tar, its name at the top."""
    path = Path(json.loads(data)["path"])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(path, path.name)
    send(frames.TAR, packed.getvalue())


def run(data: bytes, send: Send) -> None:
    """Run a command and stream what it says."""
    asked = json.loads(data)
    if abs(time.time() - asked["now"]) > 1:
        time.clock_settime(time.CLOCK_REALTIME, asked["now"])  # a saved guest has slept
    pipes = {frames.OUT: os.pipe(), frames.ERR: os.pipe()}
    child = os.fork()
    if child == 0:
        _become(asked, [writer for _, writer in pipes.values()])
    with selectors.DefaultSelector() as selector:
        for kind, (reader, writer) in pipes.items():
            os.close(writer)
            selector.register(reader, selectors.EVENT_READ, kind)
        while selector.get_map():
            for key, _ in selector.select():
                said = os.read(key.fd, 1 << 16)
                if said:
                    send(key.data, said)
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    send(frames.EXIT, json.dumps({"status": status if status >= 0 else 128 - status}).encode())


def _become(asked: dict[str, Any], outputs: list[int]) -> None:
    """In the child: be the command. Never returns."""
    status = 1
    try:
        os.setsid()
        for number, descriptor in enumerate([os.open(os.devnull, os.O_RDONLY), *outputs]):
            os.dup2(descriptor, number)
        os.closerange(3, 256)
        os.environ.pop("PYTHONPATH", None)  # the way to the agent is not the way to the package
        os.environ.update(asked["env"])
        os.chdir(asked["cwd"])
        status = _start(asked["argv"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
    except BaseException:  # as the interpreter does it: a traceback and status 1
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status & 0xFF)


def _start(argv: list[str]) -> int:
    """Run Python in this process, anything else in its place."""
    name, rest = argv[0], argv[1:]
    # This agent's own package makes way for the one that the host has put.
    for module in [module for module in sys.modules if module.partition(".")[0] == "sgdma"]:
        del sys.modules[module]
    sys.path[:] = [place for place in sys.path if place != AGENT]
    importlib.invalidate_caches()
    if name == "sgdma":
        name, rest = "python", ["-c", "from sgdma.cli import app; app(prog_name='sgdma')", *rest]
    if name not in ("python", "python3") or not rest or (rest[0].startswith("-") and rest[0] not in ("-m", "-c")):
        os.execvp(argv[0], argv)
    if rest[0] == "-c":
        sys.argv = ["-c", *rest[2:]]
        exec(compile(rest[1], "<command>", "exec"), {"__name__": "__main__"})
    elif rest[0] == "-m":
        sys.argv = rest[1:]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = rest
        runpy.run_path(rest[0], run_name="__main__")
    return 0


HANDLERS: dict[bytes, Callable[[bytes, Send], None]] = {frames.RUN: run, frames.PUT: put, frames.GET: get}

if __name__ == "__main__":
    main()
