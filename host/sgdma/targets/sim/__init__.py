"""The `sim:` rung: the LiteX-built core in Verilator, with the suite inside the simulator.

``build`` makes the simulator, ``launch`` runs a command inside it, ``control`` is the memory both sides share, and
``target`` is what the driver talks to once it runs inside.
"""

from sgdma.targets.contract import Target
from sgdma.targets.sim.target import SimTarget, build_parameters
from sgdma.targets.url import TargetUrl

__all__ = ["SimTarget", "open_sim", "parameters"]


def open_sim(url: TargetUrl) -> Target:
    """``sim:`` and ``sim:pcie`` from inside their simulator; ``sim:uart``, which starts a virtual board.

    Raises TargetUrlError.
    """
    if url.path == "uart":
        from sgdma.targets.sim.uart import SimUartTarget

        return SimUartTarget(url)
    if url.path == "pcie":
        from sgdma.targets.sim.pcie import SimPcieTarget

        return SimPcieTarget(url)
    return SimTarget(url)


def parameters(url: TargetUrl) -> None:
    """Refuse a wrong URL. Raises TargetUrlError, BuildParameterError, RulesFileError."""
    if url.path == "uart":
        from sgdma.targets.sim import uart

        uart.parameters(url)
    else:
        build_parameters(url)
