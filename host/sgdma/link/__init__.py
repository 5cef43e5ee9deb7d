"""Words of a board's bus over a serial line: the reliable link of our gateware, and LiteX's UARTBone."""

from sgdma.link.contract import Link, Quality
from sgdma.link.opening import KINDS, open_link

__all__ = ["KINDS", "Link", "Quality", "open_link"]
