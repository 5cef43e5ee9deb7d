"""How the PCIe build says who it is, for gateware, driver and simulator alike."""

from __future__ import annotations

__all__ = ["DEVICE_ID", "VENDOR"]

VENDOR, DEVICE_ID = 0x1209, 0x5347
