"""The `sim:` rung: the LiteX-built core in Verilator, with the suite inside the simulator.

``build`` makes the simulator, ``launch`` runs pytest inside it, ``control`` is the memory both sides share, ``target`` is what the
driver talks to once it runs inside.
"""

from sgdma.targets.sim.target import SimTarget

__all__ = ["SimTarget"]
