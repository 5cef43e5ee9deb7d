"""What a PCI function and the port above it say about errors: status registers, the link, the kernel's AER counters.

(PCI Local Bus 3.0, 6.2.3; PCI Express Base 4.0, 7.5.3; Linux, Documentation/PCI/pcieaer-howto.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sgdma.errors import SgdmaError
from sgdma.spec.pcie import CAPABILITIES, CAPABILITY_LIST, EXPRESS_CAPABILITY, STATUS, STATUS_ERRORS

__all__ = ["of_config", "of_sysfs"]

DEVICE_STATUS, LINK_CAPABILITIES, LINK_STATUS = 0x0A, 0x0C, 0x12
"""Offsets in the PCI Express capability."""
DEVICE_ERRORS = {0: "correctable error", 1: "non-fatal error", 2: "fatal error", 3: "unsupported request"}
SPEEDS = {1: "2.5", 2: "5", 3: "8", 4: "16", 5: "32", 6: "64"}
"""GT/s."""
MOST_CAPABILITIES = 48
"""As many as 256 bytes hold: a list that is longer runs in a circle."""


def of_config(read: Callable[[int, int], int]) -> dict[str, str]:
    """In words, from configuration space by ``read(offset, size)``; empty when it can't be read."""
    try:
        status = read(STATUS, 2)
        if status == 0xFFFF:
            return {"configuration space": "answers all ones: removed, or its link is down"}
        found = {"status": _names(status, STATUS_ERRORS)}
        express = _find(read, EXPRESS_CAPABILITY) if status & CAPABILITY_LIST else None
        if express is not None:
            found["device status"] = _names(read(express + DEVICE_STATUS, 2), DEVICE_ERRORS)
            now, most = read(express + LINK_STATUS, 2), read(express + LINK_CAPABILITIES, 4)
            found["link"] = f"{_link(now)} of {_link(most)}"
        return found
    except (SgdmaError, OSError) as error:
        return {"configuration space": f"can't be read: {error}"}


def of_sysfs(function: Path) -> dict[str, str]:
    """In words, from a function's directory in sysfs, below that of its port: links, errors counted by AER."""
    found: dict[str, str] = {}
    for who, place in (("function", function), ("port above", function.parent)):
        if not (place / "vendor").exists():
            found[who] = "is not there"
            continue
        speed, width = _text(place / "current_link_speed"), _text(place / "current_link_width")
        if speed and width:
            found[f"{who}: link"] = f"{speed}, x{width}"
        for file in sorted(place.glob("aer_dev_*")):
            counted = [line for line in _text(file).splitlines() if not line.endswith(" 0")]
            if counted:
                found[f"{who}: {file.name}"] = ", ".join(counted)
    return found


def _find(read: Callable[[int, int], int], wanted: int) -> int | None:
    place = read(CAPABILITIES, 1) & ~3
    for _ in range(MOST_CAPABILITIES):
        if not place:
            return None
        if read(place, 1) == wanted:
            return place
        place = read(place + 1, 1) & ~3
    return None


def _names(value: int, names: dict[int, str]) -> str:
    return ", ".join(name for bit, name in names.items() if value >> bit & 1) or "no errors"


def _link(value: int) -> str:
    return f"{SPEEDS.get(value & 15, '?')} GT/s x{value >> 4 & 63}"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
