"""The hard block of Xilinx 7-series behind LitePCIe's PHY, with our identifiers and MSI-X where the bridge has it."""

from __future__ import annotations

from typing import Any

from litepcie.phy.s7pciephy import S7PCIEPHY

from sgdma.spec.pcie import BAR0_BYTES, CLASS_CODE, DEVICE_ID, MSIX_PBA, MSIX_TABLE, REVISION, VENDOR

__all__ = ["series7_phy"]


def series7_phy(platform: Any, pads: str, data_width: int, vectors: int) -> Any:
    """The PHY at the pads of that name; `vectors`: of MSI-X."""
    phy = S7PCIEPHY(platform, platform.request(pads), data_width=data_width, bar0_size=BAR0_BYTES, msi_type="msi-x")
    phy.update_config({
        "Vendor_ID": f"{VENDOR:04X}", "Device_ID": f"{DEVICE_ID:04X}", "Revision_ID": f"{REVISION:02X}",
        "Class_Code_Base": f"{CLASS_CODE >> 16:02X}", "Class_Code_Sub": f"{CLASS_CODE >> 8 & 0xFF:02X}",
        "Bar0_Scale": "Kilobytes", "Bar0_Size": BAR0_BYTES >> 10,
        "MSIx_Table_Size": f"{vectors:X}", "MSIx_Table_Offset": f"{MSIX_TABLE:X}",
        "MSIx_PBA_Offset": f"{MSIX_PBA:X}",
    })  # fmt: skip
    return phy
