"""The PCI function that every PCIe build is: who it says it is, and where things lie in its BAR beside the registers.

For gateware, driver, simulator and the virtual function of `sgdma serve` alike.
"""

from __future__ import annotations

__all__ = [
    "BAR0_BYTES",
    "BRIDGE_COUNTERS",
    "BUS_MASTER",
    "CAPABILITIES",
    "CAPABILITY_LIST",
    "CLASS_CODE",
    "CLASS_REVISION",
    "COMMAND",
    "DEVICE_ID",
    "EXPRESS_CAPABILITY",
    "MEMORY_SPACE",
    "MSIX_PBA",
    "MSIX_TABLE",
    "PULLED",
    "RECEIVED_MASTER_ABORT",
    "REVISION",
    "SIM_QUARANTINE",
    "SIM_TIMEOUT",
    "STATUS",
    "STATUS_ERRORS",
    "VENDOR",
]  # fmt: skip

VENDOR, DEVICE_ID, REVISION = 0x1209, 0x5347, 1
"""The vendor id of pid.codes, and "SG"."""
CLASS_CODE = 0x12_00_00
"""Processing accelerator."""
CLASS_REVISION = 0x08
"""Where class and revision are in configuration space, 32 bits."""
COMMAND, MEMORY_SPACE, BUS_MASTER = 0x04, 0x2, 0x4
"""Offset of the command register in configuration space, and two of its bits."""
STATUS, CAPABILITY_LIST, RECEIVED_MASTER_ABORT = 0x06, 0x0010, 0x2000
"""The status register: whether there are capabilities; a request of the function met nobody, an IOMMU for one."""
STATUS_ERRORS = {
    8: "master data parity error", 11: "signalled target abort", 12: "received target abort",
    13: "received master abort", 14: "signalled system error", 15: "detected parity error",
}  # fmt: skip
"""Its other bits; writing ones clears them."""
CAPABILITIES, EXPRESS_CAPABILITY = 0x34, 0x10
"""Where the list of capabilities begins, and which one is PCI Express."""
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
PULLED = ".pulled"
"""Behind the name of a served function's socket: a file of that name is a card out of its slot."""
