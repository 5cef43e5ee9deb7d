"""The PCI function that every PCIe build is: who it says it is, and where things lie in its BAR beside the registers.

For gateware, driver, simulator and the virtual function of `sgdma serve` alike.
"""

from __future__ import annotations

__all__ = [
    "BAR0_BYTES",
    "BRIDGE_COUNTERS",
    "BUS_MASTER",
    "CLASS_CODE",
    "COMMAND",
    "DEVICE_ID",
    "MEMORY_SPACE",
    "MSIX_PBA",
    "MSIX_TABLE",
    "REVISION",
    "SIM_QUARANTINE",
    "SIM_TIMEOUT",
    "VENDOR",
]  # fmt: skip

VENDOR, DEVICE_ID, REVISION = 0x1209, 0x5347, 1
"""The vendor id of pid.codes, and "SG"."""
CLASS_CODE = 0x12_00_00
"""Processing accelerator."""
COMMAND, MEMORY_SPACE, BUS_MASTER = 0x04, 0x2, 0x4
"""Offset of the command register in configuration space, and two of its bits."""
BAR0_BYTES = 0x10000
"""The registers' banks are at its start."""
MSIX_TABLE = 0x8000
"""16 bytes a vector, as the specification lays them out."""
MSIX_PBA = 0x9000
"""Pending bits, one word."""
BRIDGE_COUNTERS = 0xA000
"""Words: read requests that timed out, completions dropped, requests of the host that are not supported."""

SIM_TIMEOUT, SIM_QUARANTINE = 8192, 16384
"""Cycles, in `sim:pcie`: a test can wait for that."""
