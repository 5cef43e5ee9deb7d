"""The `sim:` rung: the LiteX-built core in Verilator, with the suite inside the simulator.

``build`` makes the simulator, ``launch`` runs a command inside it, ``control`` is the memory both sides share, and
``target`` is what the driver talks to once it runs inside.
"""

from sgdma.targets.sim.target import SimTarget

__all__ = ["SimTarget"]
