"""A board's FPGA is loaded anew while the machine runs: everything in the order that keeps the machine alive.

The function leaves the kernel's bus first, so that nobody touches it while it is gone; then the bitstream is loaded;
then the port above resets the link, which comes up with the new device; then the kernel looks again, and the driver
that had the function has it again.
(PCI Express Base 4.0, 6.6.1 for the times; Linux, Documentation/ABI/testing/sysfs-bus-pci.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sgdma.errors import DeviceGone, TargetError
from sgdma.pcie.bind import Function, Functions

__all__ = ["hot_reset", "reload"]

BRIDGE_CONTROL, SECONDARY_BUS_RESET = 0x3E, 0x40
RESET_SECONDS = 0.002
"""The reset must be asserted for a millisecond."""
BACK_SECONDS = 2.0
"""Within which a device answers behind its reset: 1 s by the specification."""
PAUSE = 0.1
"""For so long at least it must not be spoken to behind a reset; then between looks."""


def reload(address: str, load: Callable[[], object], functions: Functions | None = None) -> Function:
    """Take the function at `address` off the bus, run `load`, reset its link and bring it back with the driver it had.

    Raises DeviceBusy before anything is done when somebody uses it, TargetError without a port that could reset it or
    without permission, DeviceGone when it does not come back. When `load` fails the device comes back all the same.
    """
    functions = functions or Functions()
    before, port = functions.find(address), functions.port(address)
    functions.remove(before.address)
    try:
        load()
    finally:
        hot_reset(port)
        after = _back(functions, before.address)
        if before.driver and after.driver != before.driver:
            after = functions.bind(before.address, before.driver)
    return after


def hot_reset(port: Path) -> None:
    """Reset what is below a port, given by its directory in sysfs. Raises TargetError."""
    try:
        with _word(port / "config", BRIDGE_CONTROL) as (held, write):
            try:
                write(held | SECONDARY_BUS_RESET)
                threading.Event().wait(RESET_SECONDS)
            finally:
                write(held & ~SECONDARY_BUS_RESET)
    except OSError as error:
        raise TargetError(f"{port.name} can't reset its link: {error.strerror}; loading is root's business") from error
    threading.Event().wait(PAUSE)


def _back(functions: Functions, address: str) -> Function:
    deadline = time.monotonic() + BACK_SECONDS
    while True:
        functions.rescan()
        try:
            return functions.find(address)
        except DeviceGone:
            if time.monotonic() > deadline:
                raise DeviceGone(
                    f"{address} did not come back within {BACK_SECONDS:g} s of its reset: is the bitstream one for "
                    "this slot? Load it again, or start the machine anew"
                ) from None
            threading.Event().wait(PAUSE)


@contextmanager
def _word(config: Path, offset: int) -> Iterator[tuple[int, Callable[[int], None]]]:
    """A word of a configuration space: what it holds, and how to write it."""
    with config.open("r+b", buffering=0) as file:

        def write(value: int) -> None:
            file.seek(offset)
            file.write(value.to_bytes(2, "little"))

        file.seek(offset)
        yield int.from_bytes(file.read(2), "little"), write
