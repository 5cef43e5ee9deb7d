"""Run in the guest, with the address of QEMU's teaching device: BAR, DMA both ways, refusals, a fault, a reset."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from sgdma.errors import DeviceBusy, DeviceGone, MappingFailed, MissingCapability, SgdmaError
from sgdma.pcie.kernel import KernelFunction

IDENTITY, INVERTER, SOURCE, DESTINATION, COUNT, COMMAND, BUFFER = 0, 4, 0x80, 0x88, 0x90, 0x98, 0x40000
A, B = 0x10_0000, 0x200_0000


def refused(kind: type[SgdmaError], call: Callable[[], object], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def move(function: KernelFunction, source: int, destination: int, count: int, to_memory: bool) -> None:
    bar = function.bar(0)
    for register, value in ((SOURCE, source), (DESTINATION, destination), (COUNT, count)):
        bar.write32(register, value)
    bar.write32(COMMAND, 1 | 2 * to_memory)
    while bar.read32(COMMAND) & 1:
        pass


def use(function: KernelFunction, address: str) -> None:
    bar = function.bar(0)
    assert bar.size == 1 << 20
    assert bar.read32(IDENTITY) == 0x0100_00ED
    assert function.config_read(0, 4) == 0x11E8_1234
    bar.write32(INVERTER, 0x1234_5678)
    assert bar.read_block(IDENTITY, 2).tolist() == [0x0100_00ED, 0xEDCB_A987]

    a, b = function.allocate(4 << 20), function.allocate(1 << 16)
    assert not a.any()
    assert not b.any()
    function.map(a, A, write=False)
    function.map(b, B)
    function.bus_master(True)
    a[: 1 << 12] = np.arange(1 << 12) % 251
    move(function, A, BUFFER, 1 << 12, False)
    move(function, BUFFER, B + 4096, 1 << 12, True)
    assert (b[4096:8192] == a[:4096]).all()
    assert not b[:4096].any()
    assert not b[8192:].any()
    move(function, BUFFER, A + 8192, 1 << 12, True)
    assert not a[8192:12288].any(), "the device wrote memory that it may only read"

    first, last = function.iova_limit
    assert first <= A < B < last
    refused(MappingFailed, lambda: function.map(b, B), "unmap it first")
    refused(MappingFailed, lambda: function.map(b[:100], B + (1 << 20)), "whole pages")
    refused(MappingFailed, lambda: function.map(b, 0xFEE0_0000), "IOMMU maps")
    refused(MappingFailed, lambda: function.unmap(B, 4096), "no mapping")
    refused(MissingCapability, lambda: function.enable_msix(1), "0 MSI-X vectors")
    refused(MissingCapability, lambda: function.bar(3), "no BAR 3")
    refused(DeviceBusy, lambda: KernelFunction(address), "in use by python3")
    refused(DeviceBusy, lambda: KernelFunction("0000:00:1f.0"), "no driver, not vfio-pci")
    refused(DeviceGone, lambda: KernelFunction("0000:05:00.0"), "no PCI function")

    b[4096:8192] = 0
    function.unmap(B, 1 << 16)
    move(function, BUFFER, B + 4096, 1 << 12, True)
    assert not b[4096:8192].any(), "the device reached memory that was unmapped"
    function.release(b)
    function.reset()
    assert function.alive
    assert bar.read32(INVERTER) == 0xEDCB_A987, "that one survives a reset"


if __name__ == "__main__":
    for _ in range(2):  # the second finds it as the first did
        with KernelFunction(sys.argv[1]) as held:
            use(held, sys.argv[1])
