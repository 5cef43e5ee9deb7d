"""The suite over PCIe without a board: the simulator's device as a PCI function, in QEMU's virtual slot as well."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sgdma.errors import SimulatorDied
from sgdma.run.record import RunDirectory

__all__ = ["SLOT_URL", "run_in_guest", "served_function"]

SLOT_URL = "vfio:0000:01:00.0"
"""The slot's function, as the guest's kernel names it."""
GUEST_RUN = "run"
"""Below the guest's home."""
SUITE_LIMIT = 1800.0


@contextlib.contextmanager
def served_function(*options: str) -> Iterator[Path]:
    """A server of the simulator's device for as long as it lasts; its socket. `options`: of `sgdma serve`.

    Raises SimulatorDied when the server ends before it serves.
    """
    with tempfile.TemporaryDirectory(prefix="sgdma-slot-") as name:
        path = Path(name) / "function"
        program = Path(sys.executable).with_name("sgdma")
        server = subprocess.Popen([program, "serve", "--pcie", path, *options], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            if not server.stdout.readline():  # its URL, once it serves
                raise SimulatorDied("the server of the virtual function did not come up; see its output above")
            yield path
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def run_in_guest(function: Path, run: RunDirectory, seed: int, say: Callable[[bytes], None]) -> int:
    """Run the suite in a guest through the kernel's VFIO; its exit status. `say`: is told what the guest prints.

    What it leaves behind is added to `run`. Raises GuestFailed.
    """
    from sgdma.vm.agent import HOUSE
    from sgdma.vm.guest import Guest

    root = Path(HOUSE).parent
    # Rewriting the assertions would cost the emulated processor half a minute.
    command = ["sgdma", "test", "--target", SLOT_URL, "--seed", str(seed), "--run-dir", GUEST_RUN,
               f"--rootdir={root}", "--assert=plain"]  # fmt: skip
    with Guest(function=function, log=run.path / "guest-console.log") as guest:
        guest.bind()
        status = guest.run(command, limit=SUITE_LIMIT, out=say, err=say).status
        with tempfile.TemporaryDirectory(prefix="sgdma-run-") as name:
            guest.fetch(GUEST_RUN, Path(name))
            _adopt(run, RunDirectory(Path(name) / GUEST_RUN))
    return status


def _adopt(run: RunDirectory, other: RunDirectory) -> None:
    """Add the results of another run, of other targets, to `run`."""
    for pattern in ("junit-*.xml", "transactions-*.jsonl"):
        for path in other.path.glob(pattern):
            shutil.copy(path, run.path / path.name)
    if (other.path / "failures").is_dir():
        shutil.copytree(other.path / "failures", run.path / "failures", dirs_exist_ok=True)
    for target, values in other.passport.get("targets", {}).items():
        run.update_target(target, values)
    if other.metrics:
        run.add_metrics(other.metrics)
