"""The `sim:` rung: the LiteX-built core in Verilator, with the suite inside the simulator.

``build`` makes the simulator, ``launch`` runs a command inside it, ``control`` is the memory both sides share, and
``target`` is what the driver talks to once it runs inside.
"""

from sgdma.errors import TargetUrlError
from sgdma.targets.contract import Target
from sgdma.targets.sim.target import SimTarget
from sgdma.targets.url import TargetUrl

__all__ = ["SimTarget", "open_sim"]


def open_sim(url: TargetUrl) -> Target:
    """``sim:`` and ``sim:pcie`` from inside their simulator; ``sim:uart``, which starts a virtual board.

    Raises TargetUrlError.
    """
    if not url.path:
        return SimTarget(url)
    if url.path == "uart":
        from sgdma.targets.sim.uart import SimUartTarget

        return SimUartTarget(url)
    if url.path == "pcie":
        from sgdma.targets.sim.pcie import SimPcieTarget

        return SimPcieTarget(url)
    raise TargetUrlError(f"target {url.text!r}: there are sim:, sim:pcie and sim:uart, no sim:{url.path}")
