"""Which driver a PCI function has: listing, giving to vfio-pci and giving back, through sysfs.

Refuses what is in use, and undoes what it did when a step fails. `sysfs` is a parameter, so that it can be
tried on a tree of files.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from sgdma.errors import DeviceBusy, DeviceGone, PciAddressError, TargetError
from sgdma.spec.pcie import DEVICE_ID, VENDOR

__all__ = ["NODES", "SYSFS", "VFIO", "Function", "Functions", "bind", "full_address", "holders", "unbind"]

SYSFS, NODES = Path("/sys"), Path("/dev/vfio")
VFIO = "vfio-pci"
ADDRESS = re.compile(r"([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.IGNORECASE)
BRIDGE = 0x0604
"""Class of bridges, which may stay with their driver in a group."""


@dataclass(frozen=True)
class Function:
    """What sysfs says of a PCI function."""

    address: str
    vendor: int
    device: int
    kind: int
    """Class and subclass."""
    driver: str | None
    group: int | None

    @property
    def ours(self) -> bool:
        """Whether it says that it is an sgdma core."""
        return (self.vendor, self.device) == (VENDOR, DEVICE_ID)


def full_address(address: str) -> str:
    """An address with its domain, in lower case. Raises PciAddressError."""
    if not ADDRESS.fullmatch(address):
        raise PciAddressError(f"{address!r} is no PCI address; one is 0000:01:00.0 (`sgdma pcie list`)")
    return address.lower() if address.count(":") == 2 else f"0000:{address.lower()}"


class Functions:
    """The PCI functions of a machine."""

    def __init__(self, sysfs: Path = SYSFS, nodes: Path = NODES) -> None:
        self._bus, self._nodes = sysfs / "bus" / "pci", nodes

    def all(self) -> list[Function]:
        """Every function, by address."""
        return [self._read(path) for path in sorted((self._bus / "devices").glob("*:*"))]

    def find(self, address: str) -> Function:
        """The function at an address, with or without its domain. Raises PciAddressError, DeviceGone."""
        full = full_address(address)
        path = self._path(full)
        if not (path / "vendor").exists():
            raise DeviceGone(
                f"no PCI function at {full}; `sgdma pcie list` shows those there are, `rescan` looks again"
            )
        return self._read(path)

    def group(self, number: int) -> list[Function]:
        """The functions that the IOMMU can't tell apart."""
        return [function for function in self.all() if function.group == number]

    def port(self, address: str) -> Path:
        """The directory of the bridge right above a function. Raises TargetError for one on the root bus."""
        place = self._path(self.find(address).address).resolve().parent
        if not (place / "vendor").exists() or self._read(place).kind != BRIDGE:
            raise TargetError(f"{address} is below no port that could reset its link; start the machine anew instead")
        return place

    def _path(self, address: str) -> Path:
        return self._bus / "devices" / address

    def _read(self, path: Path) -> Function:
        driver, group = path / "driver", path / "iommu_group"
        vendor, device, kind = (int((path / name).read_text(), 16) for name in ("vendor", "device", "class"))
        return Function(
            path.name, vendor, device, kind >> 8,
            driver.resolve().name if driver.exists() else None,
            int(group.resolve().name) if group.exists() else None,
        )  # fmt: skip

    # Changes.

    def bind(self, address: str, driver: str = VFIO, *, replace: bool = False) -> Function:
        """Give a function to `driver`; `replace`: take it from the one that it has, if nothing of that is in use.

        Raises DeviceBusy for a function in use, TargetError when the driver does not take it.
        """
        function = self.find(address)
        if function.driver == driver:
            return function
        self._refuse_used(function, driver, replace)
        if not (self._bus / "drivers" / driver).is_dir():
            raise TargetError(f"the kernel has no driver {driver}; modprobe {driver}")
        try:
            self._write(self._path(function.address) / "driver_override", driver)
            if function.driver:
                self._write(self._path(function.address) / "driver" / "unbind", function.address)
            self._write(self._bus / "drivers_probe", function.address)
            bound = self.find(function.address)
            if bound.driver != driver:
                raise TargetError(f"{driver} does not take {function.address}; the kernel's log says why (dmesg)")
        except BaseException:
            with contextlib.suppress(TargetError):
                self._restore(function.address, function.driver)
            raise
        return bound

    def unbind(self, address: str, driver: str | None = None) -> Function:
        """Take a function from vfio-pci and let `driver`, or whichever wants it, have it."""
        function = self.find(address)
        if function.driver not in (VFIO, None):
            raise DeviceBusy(f"{function.address} has driver {function.driver}, not {VFIO}; nothing to give back")
        self._restore(function.address, driver)
        return self.find(address)

    def _restore(self, address: str, driver: str | None) -> None:
        path = self._path(address)
        current = self._read(path).driver
        if current and current != driver:
            self._write(path / "driver" / "unbind", address)
        self._write(path / "driver_override", driver or "\n")
        self._write(self._bus / "drivers_probe", address)
        if driver:
            self._write(path / "driver_override", "\n")

    def remove(self, address: str) -> None:
        """Take a function off the bus, as before pulling a board or loading a new bitstream into it."""
        function = self.find(address)
        self._refuse_used(function, VFIO, False)
        users = [] if function.group is None else holders(self._nodes / str(function.group))
        if users:  # the kernel would wait for them
            raise DeviceBusy(f"{function.address} is in use by {', '.join(users)}; end that first")
        self._write(self._path(function.address) / "remove", "1")

    def rescan(self) -> list[Function]:
        """Look for functions that have come; returns the new ones."""
        before = {function.address for function in self.all()}
        self._write(self._bus / "rescan", "1")
        return [function for function in self.all() if function.address not in before]

    def _refuse_used(self, function: Function, driver: str, replace: bool) -> None:
        where = f"{function.address} ({function.vendor:04x}:{function.device:04x})"
        if function.kind == BRIDGE:
            raise DeviceBusy(f"{where} is a bridge; what is behind it would go with it")
        if function.driver not in (None, driver):
            use = ", ".join(self._uses(function.address))
            if use or not replace:
                remedy = "take that out of use first" if use else "`--replace` takes it from there"
                raise DeviceBusy(f"{where} has driver {function.driver}{f' for {use}' if use else ''}; {remedy}")
        for other in self.group(function.group) if function.group is not None else []:
            if other.address != function.address and other.kind != BRIDGE and other.driver not in (None, driver):
                raise DeviceBusy(
                    f"{where} shares IOMMU group {function.group} with {other.address}, driver {other.driver}; "
                    "free that too, or use another slot"
                )

    def _uses(self, address: str) -> list[str]:
        """What the system has of a function: network interfaces and block devices."""
        path = self._path(address)
        nets = [f"network interface {net.name}" for net in path.glob("**/net/*")]
        return nets + [f"disk {block.name}" for block in path.glob("**/block/*")]

    def _write(self, path: Path, text: str) -> None:
        try:
            path.write_text(text)
        except PermissionError as error:
            raise TargetError(f"{path}: this user may not write it; binding is root's business") from error
        except OSError as error:
            raise TargetError(f"{path}: writing {text.strip()!r} failed: {error.strerror}") from error


def holders(node: Path, processes: Path = Path("/proc")) -> list[str]:
    """Which processes have a file open, as far as this user may see."""
    found = []
    for process in processes.glob("[0-9]*"):
        try:
            if any(link.readlink() == node for link in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
        except OSError:
            continue
    return found


def bind(address: str, sysfs: Path = SYSFS) -> Function:
    """Give a function to vfio-pci."""
    return Functions(sysfs).bind(address)


def unbind(address: str, sysfs: Path = SYSFS) -> Function:
    """Give a function back to whichever driver wants it."""
    return Functions(sysfs).unbind(address)
