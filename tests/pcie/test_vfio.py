"""What of the kernel's VFIO can be tried without a device: records, refusals, and memory for DMA."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from sgdma.errors import DeviceBusy, MissingCapability, SgdmaError, TargetError
from sgdma.pcie import kernel, vfio
from sgdma.pcie.kernel import KernelFunction

from .test_bind import CARD, DISK, Sysfs


def info(*ranges: tuple[int, int]) -> bytes:
    """A vfio_iommu_type1_info with another capability before the ranges."""
    head = struct.pack("IIQII", 0, vfio.HAS_CAPS, 4096, 24, 0)
    other = struct.pack("HHII", 3, 1, 36, 65535)
    listed = struct.pack("HHIII", vfio.IOVA_RANGES, 1, 0, len(ranges), 0)
    return head + other + listed + b"".join(struct.pack("QQ", *pair) for pair in ranges)


def test_ranges_are_read_past_other_capabilities() -> None:
    ranges = [(0, 0xFEDF_FFFF), (0xFEF0_0000, (1 << 48) - 1)]
    assert vfio.iova_ranges(info(*ranges)) == ranges
    assert vfio.iova_ranges(struct.pack("IIQII", 24, 1, 4096, 0, 0)) == [(0, (1 << 64) - 1)], "an old kernel"


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EBUSY, DeviceBusy), (errno.EACCES, TargetError), (errno.ENOENT, DeviceBusy), (errno.EIO, TargetError)],
)
def test_a_group_that_can_not_be_opened(number: int, kind: type[SgdmaError], tmp_path: Path) -> None:
    refused = vfio._refused(OSError(number, os.strerror(number), "/dev/vfio/5"), Path("/dev/vfio/5"), tmp_path)
    assert type(refused) is kind
    assert "/dev/vfio/5" in str(refused)


def test_a_function_that_vfio_does_not_have(tmp_path: Path) -> None:
    machine = Sysfs(tmp_path, "ahci")
    machine.add(CARD, (1, 2), 0x1200, None, None)
    machine.add(DISK, (1, 2), 0x0106, "ahci", 3)
    with pytest.raises(DeviceBusy, match="driver ahci, not vfio-pci"):
        KernelFunction(DISK, tmp_path)
    machine.bind(CARD)
    with pytest.raises(MissingCapability, match="no IOMMU"):
        KernelFunction(CARD, tmp_path)


def test_a_group_without_its_node(tmp_path: Path) -> None:
    machine = Sysfs(tmp_path)
    machine.add(CARD, (1, 2), 0x1200, None, 9)
    machine.bind(CARD)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(DeviceBusy, match="does not exist"):
        KernelFunction(CARD, tmp_path, tmp_path / "vfio")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_memory_falls_back_to_ordinary_pages() -> None:
    with kernel._huge(kernel.HUGE) or kernel._ordinary(kernel.HUGE) as memory:
        assert len(memory) == kernel.HUGE
    assert kernel._huge(4096) is None, "a small piece is not worth a huge page"
