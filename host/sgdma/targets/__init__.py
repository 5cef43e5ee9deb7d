"""What answers: the contract of targets, their URLs, and one module (or package) for every rung."""

from sgdma.targets.contract import Capability, DmaRegion, FaultInjection, Target
from sgdma.targets.url import SCHEMES, open_target

__all__ = ["SCHEMES", "Capability", "DmaRegion", "FaultInjection", "Target", "open_target"]
