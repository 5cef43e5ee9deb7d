"""The one cocotb test of the `sim:` rung: runs `pytest`, `sgdma` or module:function inside the simulator.

The command runs in a bridged thread; simulated time passes only while the target waits for ``wake`` to toggle.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

import cocotb
from cocotb.task import bridge, resume

from sgdma.targets.sim import target as sim

FAILED = 70
"""Exit status of a command that ended by such an error; the number is that of an internal software error."""


def _call() -> int:
    call = json.loads(Path(os.environ["SGDMA_SIM_CALL"]).read_text())
    sys.argv = [call["program"], *call["arguments"]]
    if call["program"] == "pytest":
        import pytest

        return int(pytest.main(call["arguments"]))
    module, _, name = call["program"].partition(":")
    function = getattr(importlib.import_module(module if name else "sgdma.cli"), name or "main")
    return int(function(call["arguments"]))


def _told() -> int:
    """Errors that nobody expected are shown: cocotb would only say that its test has failed."""
    try:
        return _call()
    except Exception:
        traceback.print_exc()
        return FAILED


@cocotb.test()
async def run_command(dut) -> None:
    """Run the command and leave its exit status for the launcher."""

    @resume
    async def wait() -> None:
        await dut.wake.value_change

    sim.inside = wait
    status = await bridge(_told)()
    Path(os.environ["SGDMA_SIM_STATUS"]).write_text(str(status))
