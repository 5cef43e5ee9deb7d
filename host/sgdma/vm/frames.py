"""What host and guest say to each other over the control port: a kind, a length, and so many bytes.

Host to guest: RUN (JSON: argv, env, cwd, now), PUT (a tar, unpacked at /), GET (JSON: path). Guest to host: READY once,
and then per command any number of OUT and ERR, ended by EXIT (JSON: status), or by TAR, or by FAIL (what went wrong).
This module is part of the guest's agent too, and so needs nothing but the standard library.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

HEADER = struct.Struct(">cI")
LIMIT = 1 << 30
RUN, PUT, GET = b"R", b"P", b"G"
READY, OUT, ERR, EXIT, TAR, FAIL = b"r", b"o", b"e", b"x", b"t", b"f"


def pack(kind: bytes, data: bytes = b"") -> bytes:
    """One message as it goes over the port."""
    return HEADER.pack(kind, len(data)) + data


def receive(read: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """The next message's kind and contents; `read(n)` gives one to n bytes, or none at the end: EOFError."""
    kind, size = HEADER.unpack(_exactly(read, HEADER.size))
    if size > LIMIT:
        raise ValueError(f"message {kind!r} of {size} bytes; at most {LIMIT}")
    return kind, _exactly(read, size)


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        chunk = read(min(size - len(got), 1 << 20))
        if not chunk:
            raise EOFError("the other side has gone")
        got += chunk
    return bytes(got)
