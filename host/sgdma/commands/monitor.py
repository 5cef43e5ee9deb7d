"""`sgdma monitor`: the console of a board's CPU."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sgdma.engine.firmware import Firmware
from sgdma.spec.registers import DEVICE
from sgdma.targets import open_target

__all__ = ["monitor_command"]

CLOCK = DEVICE.address("clock_hz") - DEVICE.base
PAUSE = 0.2
"""Of a second of the board's clock between two looks."""


def monitor_command(
    target: Annotated[str, typer.Option(help="URL of a board, such as uart:/dev/ttyUSB0.")],
    follow: Annotated[bool, typer.Option(help="Go on until interrupted, or show what there is.")] = True,
    restart: Annotated[bool, typer.Option("--restart", help="Boot the CPU first: its self-test with it.")] = False,
) -> None:
    """Show what the firmware has written to its console. Exit code 1 when its self-test failed."""
    with open_target(target) as opened:
        firmware = Firmware(opened)
        tested = firmware.restart() if restart else firmware.boot_test()
        reached = 0
        while True:
            text, reached = firmware.console(reached)
            sys.stdout.write(text)
            sys.stdout.flush()
            if not follow:
                break
            opened.sleep(int(PAUSE * opened.read32(opened.bases["sgdma"] + CLOCK)))
    if not tested.good:
        raise typer.Exit(1)
