"""Binding, on a tree of files that answers as sysfs does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sgdma.errors import DeviceBusy, DeviceGone, PciAddressError, TargetError
from sgdma.pcie.bind import Functions, holders
from sgdma.spec.pcie import DEVICE_ID, VENDOR

CARD, DISK, BRIDGE, NIC = "0000:01:00.0", "0000:00:1f.2", "0000:00:02.0", "0000:01:00.1"


class Sysfs(Functions):
    """Functions of a made-up machine, whose files do what the kernel does when they are written."""

    def __init__(self, root: Path, *drivers: str) -> None:
        super().__init__(root)
        self.root, self.stubborn = root, False
        self.native: dict[str, str] = {}
        for name in ("vfio-pci", *drivers):
            (root / "bus/pci/drivers" / name).mkdir(parents=True)

    def add(self, address: str, ids: tuple[int, int], kind: int, driver: str | None, group: int | None) -> Path:
        path = self.root / "bus/pci/devices" / address
        path.mkdir(parents=True)
        for name, value in zip(("vendor", "device", "class"), (*ids, kind << 8), strict=True):
            (path / name).write_text(f"{value:#06x}\n")
        (path / "driver_override").write_text("(null)\n")
        if group is not None:
            (self.root / "kernel/iommu_groups" / str(group)).mkdir(parents=True, exist_ok=True)
            (path / "iommu_group").symlink_to(self.root / "kernel/iommu_groups" / str(group))
        if driver:
            self.native[address] = driver
            self._attach(address, driver)
        return path

    def _attach(self, address: str, driver: str) -> None:
        (self.root / "bus/pci/devices" / address / "driver").symlink_to(self.root / "bus/pci/drivers" / driver)

    def _write(self, path: Path, text: str) -> None:
        if path.name == "unbind":
            (self.root / "bus/pci/devices" / text / "driver").unlink()
        elif path.name == "drivers_probe":
            device = self.root / "bus/pci/devices" / text
            driver = (device / "driver_override").read_text().strip() or self.native.get(text, "")
            if driver and not (device / "driver").exists() and not (self.stubborn and driver == "vfio-pci"):
                self._attach(text, driver)
        else:
            super()._write(path, text)

    def override(self, address: str) -> str:
        return (self.root / "bus/pci/devices" / address / "driver_override").read_text().strip()


@pytest.fixture
def machine(tmp_path: Path) -> Sysfs:
    made = Sysfs(tmp_path, "ahci", "pcieport", "e1000e")
    made.add(BRIDGE, (0x8086, 0x1234), 0x0604, "pcieport", 7)
    made.add(DISK, (0x8086, 0x2922), 0x0106, "ahci", 3)
    made.add(CARD, (VENDOR, DEVICE_ID), 0x1200, None, 7)
    return made


def test_functions_are_listed_and_ours_is_known(machine: Sysfs) -> None:
    found = {function.address: function for function in machine.all()}
    assert [function.address for function in found.values() if function.ours] == [CARD]
    assert found[DISK].driver == "ahci"
    assert (found[CARD].driver, found[CARD].group) == (None, 7)


def test_a_free_function_is_bound_and_given_back(machine: Sysfs) -> None:
    assert machine.bind("01:00.0").driver == "vfio-pci"  # the bridge of its group does not matter
    assert machine.bind(CARD).driver == "vfio-pci", "once more changes nothing"
    assert machine.unbind(CARD).driver is None
    assert machine.override(CARD) == ""


def test_a_function_with_a_driver_is_refused_unless_it_may_be_replaced(machine: Sysfs) -> None:
    with pytest.raises(DeviceBusy, match=r"has driver ahci; .*--replace"):
        machine.bind(DISK)
    assert machine.bind(DISK, replace=True).driver == "vfio-pci"
    assert machine.unbind(DISK).driver == "ahci"
    with pytest.raises(DeviceBusy, match="ahci, not vfio-pci"):
        machine.unbind(DISK)


def test_what_is_in_use_is_never_taken(machine: Sysfs, tmp_path: Path) -> None:
    (tmp_path / "bus/pci/devices" / DISK / "ata1/block/sda").mkdir(parents=True)
    with pytest.raises(DeviceBusy, match="ahci for disk sda"):
        machine.bind(DISK, replace=True)
    with pytest.raises(DeviceBusy, match="bridge"):
        machine.bind(BRIDGE, replace=True)


def test_the_rest_of_the_group_must_be_free(machine: Sysfs) -> None:
    machine.add(NIC, (0x8086, 0x10D3), 0x0200, "e1000e", 7)
    with pytest.raises(DeviceBusy, match=rf"group 7 with {NIC}.*e1000e"):
        machine.bind(CARD)
    assert machine.override(CARD) == "(null)", "nothing was tried"


def test_a_driver_that_does_not_take_it_leaves_all_as_it_was(machine: Sysfs) -> None:
    machine.stubborn = True
    with pytest.raises(TargetError, match="does not take"):
        machine.bind(CARD)
    assert (machine.find(CARD).driver, machine.override(CARD)) == (None, "")
    with pytest.raises(TargetError, match="does not take"):
        machine.bind(DISK, replace=True)
    assert (machine.find(DISK).driver, machine.override(DISK)) == ("ahci", "")


def test_a_kernel_without_vfio_says_so(machine: Sysfs, tmp_path: Path) -> None:
    (tmp_path / "bus/pci/drivers/vfio-pci").rmdir()
    with pytest.raises(TargetError, match="modprobe vfio-pci"):
        machine.bind(CARD)


def test_an_address_of_nothing(machine: Sysfs) -> None:
    with pytest.raises(DeviceGone):
        machine.find("0000:05:00.0")


@pytest.mark.parametrize("address", ["5:0", "/etc/passwd", ""])
def test_what_is_no_address(machine: Sysfs, address: str) -> None:
    with pytest.raises(PciAddressError):
        machine.find(address)


def test_a_user_who_may_not_is_told(machine: Sysfs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(path: Path, text: str) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", refused)
    with pytest.raises(TargetError, match="root's business"):
        Functions(tmp_path).bind(CARD)


def test_a_holder_is_named(tmp_path: Path) -> None:
    node = tmp_path / "node"
    with node.open("w"):
        (name,) = holders(node)
        assert f"(process {os.getpid()})" in name
    assert holders(node) == []
