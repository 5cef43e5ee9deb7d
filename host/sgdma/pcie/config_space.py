"""Configuration space of a virtual function: header, PCI Express and MSI-X capabilities.

(PCI Local Bus 3.0, chapter 6; PCI Express Base 4.0, 7.5.3; MSI-X: PCI 3.0, 6.8.2.)
"""

from __future__ import annotations

import struct

from sgdma.spec.pcie import (
    BAR0_BYTES,
    BUS_MASTER,
    CAPABILITIES,
    CAPABILITY_LIST,
    CLASS_CODE,
    CLASS_REVISION,
    COMMAND,
    DEVICE_ID,
    EXPRESS_CAPABILITY,
    MEMORY_SPACE,
    MSIX_PBA,
    MSIX_TABLE,
    RECEIVED_MASTER_ABORT,
    REVISION,
    STATUS,
    STATUS_ERRORS,
    VENDOR,
)

__all__ = ["DEVICE_CONTROL", "EXPRESS", "FLR", "ConfigSpace"]

SIZE = 256
BAR0 = 0x10
INTX_DISABLE = 0x400
EXPRESS, MSIX = 0x40, 0x80
DEVICE_CONTROL = EXPRESS + 8
CLEARED = sum(1 << bit for bit in STATUS_ERRORS)
FLR = 0x8000
"""Initiate Function Level Reset, in Device Control."""


class ConfigSpace:
    """256 bytes; what may be written is a mask. `vectors`: of MSI-X."""

    def __init__(self, vectors: int) -> None:
        self._vectors = vectors
        self._mask = bytearray(SIZE)
        self._bytes = bytearray(SIZE)
        self.reset()

    def reset(self) -> None:
        """As at power-up."""
        self._bytes = bytearray(SIZE)
        self._put("<HHHH", 0x00, VENDOR, DEVICE_ID, 0, CAPABILITY_LIST)
        self._put("<I", CLASS_REVISION, CLASS_CODE << 8 | REVISION)
        self._put("<HH", 0x2C, VENDOR, DEVICE_ID)
        self._put("<B", CAPABILITIES, EXPRESS)
        self._allow("<H", COMMAND, MEMORY_SPACE | BUS_MASTER | INTX_DISABLE)
        self._allow("<B", 0x3C, 0xFF)
        self._allow("<I", BAR0, -BAR0_BYTES & 0xFFFFFFF0)
        self._add_express()
        self._put("<BBHII", MSIX, 0x11, 0, self._vectors - 1, MSIX_TABLE, MSIX_PBA)
        self._allow("<H", MSIX + 2, 0xC000)

    def _add_express(self) -> None:
        endpoint, gen1_x1 = 0x0002, 0x11
        payload_256, function_level_reset, role_based_errors = 1, 1 << 28, 1 << 15
        can = payload_256 | function_level_reset | role_based_errors
        self._put("<BBHI", EXPRESS, EXPRESS_CAPABILITY, MSIX, endpoint, can)
        self._put("<HHIHH", DEVICE_CONTROL, 0x2810, 0, gen1_x1, 0, gen1_x1)
        self._allow("<H", DEVICE_CONTROL, 0x7FFF)
        self._allow("<H", EXPRESS + 0x10, 0x00C3)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of it; zero beyond."""
        return bytes(self._bytes[offset : offset + size]).ljust(size, b"\0")

    def write(self, offset: int, data: bytes) -> bool:
        """Write what may be written; whether that asked for a function-level reset."""
        for place, value in enumerate(data, offset):
            if place < SIZE:
                mask = self._mask[place]
                self._bytes[place] = self._bytes[place] & ~mask | value & mask
            if STATUS <= place < STATUS + 2:  # ones clear
                self._bytes[place] &= ~(value & CLEARED >> 8 * (place - STATUS))
        touched = offset <= DEVICE_CONTROL + 1 < offset + len(data)
        return touched and bool(data[DEVICE_CONTROL + 1 - offset] & FLR >> 8)

    def master_abort(self) -> None:
        """A request of the function was answered by nobody."""
        self._bytes[STATUS + 1] |= RECEIVED_MASTER_ABORT >> 8

    @property
    def bus_master(self) -> bool:
        """Whether the function may issue requests."""
        return bool(self._bytes[COMMAND] & BUS_MASTER)

    def _put(self, layout: str, offset: int, *values: int) -> None:
        struct.pack_into(layout, self._bytes, offset, *values)

    def _allow(self, layout: str, offset: int, mask: int) -> None:
        struct.pack_into(layout, self._mask, offset, mask)
