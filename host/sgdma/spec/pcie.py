"""Where things lie in BAR0 of the PCIe build, beside the registers: for gateware, driver and simulator alike."""

from __future__ import annotations

__all__ = ["BAR0_BYTES", "BRIDGE_COUNTERS", "MSIX_PBA", "MSIX_TABLE", "SIM_QUARANTINE", "SIM_TIMEOUT"]

BAR0_BYTES = 0x10000
"""The registers' banks are at its start."""
MSIX_TABLE = 0x8000
"""16 bytes a vector, as the specification lays them out."""
MSIX_PBA = 0x9000
"""Pending bits, one word."""
BRIDGE_COUNTERS = 0xA000
"""Words: read requests that timed out, completions dropped, requests of the host that are not supported."""

SIM_TIMEOUT, SIM_QUARANTINE = 8192, 16384
"""Of `sim:pcie`: a test can wait for that."""
