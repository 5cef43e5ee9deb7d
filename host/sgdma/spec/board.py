"""Where things lie on the bus of a board's SoC: for gateware, firmware and host alike."""

from __future__ import annotations

__all__ = ["CSR_BASE", "IMAGES", "MEMORY_BASE", "MEMORY_MOST", "ROM_BYTES", "SRAM_BASE", "SRAM_BYTES"]

CSR_BASE = 0xF000_0000
"""The registers of all banks."""
MEMORY_BASE = 0x8000_0000
"""DMA memory. It and the SRAM lie where the CPU has no data cache: host and device write there."""
IMAGES = 16
"""How often DMA memory is there, one behind the other, for writes of some bytes of a word."""
SRAM_BASE, SRAM_BYTES = 0x9000_0000, 16384
"""The CPU's memory; the mailbox is at its start."""
ROM_BYTES = 16384
"""At address 0, for the firmware."""
MEMORY_MOST = (SRAM_BASE - MEMORY_BASE) // IMAGES
"""Bytes of DMA memory at most, so that its images end before the SRAM."""
