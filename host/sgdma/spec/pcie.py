"""The PCI function of a device: identifiers, BARs, and where MSI-X lies. For virtual functions and boards alike."""

from __future__ import annotations

__all__ = ["BAR_BYTES", "CLASS_CODE", "DEVICE_ID", "MSIX_BAR", "MSIX_PENDING", "MSIX_TABLE", "REGISTER_BAR", "REVISION",
           "VENDOR"]  # fmt: skip

VENDOR, DEVICE_ID, REVISION = 0x1209, 0x5347, 1
"""pid.codes' vendor id, and "SG"."""
CLASS_CODE = 0x12_00_00
"""Processing accelerator."""
REGISTER_BAR, MSIX_BAR = 0, 2
BAR_BYTES = {REGISTER_BAR: 1 << 16, MSIX_BAR: 1 << 12}
"""Bytes of each BAR: the register banks, and the MSI-X tables."""
MSIX_TABLE, MSIX_PENDING = 0, 0x800
"""Offsets in their BAR."""
