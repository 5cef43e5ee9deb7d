"""``uart:PORT``: a board behind a serial port, by our link or LiteX's UARTBone; DMA memory is the board's own.

Parameters: ``baud`` (``auto``: the fastest that board and line hold), ``link`` (``auto``, ``reliable`` or ``bone``),
``verify`` (0; 1 detects damage on a UARTBone as well), ``trust`` (``all``; ``crc`` lets the board's checksums tell what
has changed in its memory, and reads only that), ``timeout`` in seconds (1), ``csr_base``, where the SoC has put
the registers, ``board``: the name of a board that `sgdma build` built here, whose bitstream must be the one loaded.
Where DMA memory lies is read from the board; on a SoC of another make ``memory_base`` and ``memory`` (bytes) say it.
"""

from __future__ import annotations

import json

from sgdma.errors import TargetUrlError
from sgdma.link import KINDS, open_link
from sgdma.paths import build_cache
from sgdma.spec.board import CSR_BASE, MEMORY_BASE
from sgdma.spec.registers import DEVICE, MAGIC
from sgdma.targets.board import BoardTarget
from sgdma.targets.url import Number, TargetUrl

__all__ = ["UartTarget", "parameters"]

OWN = {
    "baud": Number(0, 1), "link": Number(0), "verify": Number(0, high=1), "trust": Number(0), "timeout": Number(1, 1),
    "csr_base": Number(CSR_BASE), "memory_base": Number(MEMORY_BASE), "memory": Number(0, 1),
}  # fmt: skip

CHOICES = {"link": KINDS, "trust": ("all", "crc")}


class UartTarget(BoardTarget):
    """A board, or what speaks one of the links on a port, pty or socket."""

    def __init__(self, url: TargetUrl) -> None:
        own = parameters(url)
        expected = _built(url.query["board"]) if "board" in url.query else None
        sentinel = own["csr_base"] + DEVICE.address("magic"), MAGIC
        kind, verify = KINDS[own["link"]], bool(own["verify"])
        link = open_link(url.path, own["baud"] or None, own["timeout"], kind, verify, sentinel)
        memory = (own["memory_base"], own["memory"]) if own["memory"] else None
        try:
            super().__init__(url.text, link, own["csr_base"], memory, trust=bool(own["trust"]))
        except BaseException:
            link.close()
            raise
        self.expected_hash = expected


def _built(board: str) -> int:
    """Content hash of the build of that board in the build cache. Raises TargetUrlError."""
    path = build_cache() / "boards" / board / "build.json"
    if not path.is_file():
        raise TargetUrlError(f"target parameter board = {board!r}: not built here ({path.parent}); sgdma build {board}")
    return int(json.loads(path.read_text(encoding="utf-8"))["content_hash"], 16)


def parameters(url: TargetUrl) -> dict[str, int]:
    """What a URL says, choices as their index. Raises TargetUrlError."""
    if not url.path:
        raise TargetUrlError(f"target {url.text!r} names no port; for example uart:/dev/ttyUSB0?baud=1000000")
    values = {name: number.default for name, number in OWN.items()}
    for name, text in url.query.items():
        if name == "board":
            continue
        if name not in OWN:
            raise TargetUrlError(f"target parameter {name!r} is unknown; uart: has {', '.join((*OWN, 'board'))}")
        if name in CHOICES:
            values[name] = _choice(name, text)
        elif (name, text) != ("baud", "auto"):
            values[name] = OWN[name].read(name, text)
    return values


def _choice(name: str, text: str) -> int:
    """Index of a parameter's value among those there are."""
    if text not in CHOICES[name]:
        raise TargetUrlError(f"target parameter {name} = {text!r}: unknown; there are {', '.join(CHOICES[name])}")
    return CHOICES[name].index(text)
