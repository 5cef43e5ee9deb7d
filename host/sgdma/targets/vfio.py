"""``vfio:BDF``, a PCI function through the kernel's VFIO, and ``vfio-user:PATH``, one served on a UNIX socket.

Parameter ``memory``: bytes that may be mapped at a time (64 MiB).
"""

from __future__ import annotations

from pathlib import Path

from sgdma.errors import TargetUrlError
from sgdma.pcie.bind import full_address
from sgdma.pcie.function import PciFunction
from sgdma.targets.contract import Target
from sgdma.targets.pcie import PcieTarget
from sgdma.targets.url import SCHEMES, Number, TargetUrl, numbers

__all__ = ["open_vfio", "open_vfio_user", "parameters"]

OWN = {"memory": Number(64 << 20, 1 << 20, 1 << 48)}


def open_vfio_user(url: TargetUrl) -> Target:
    """The function served at the path. Raises DeviceGone, DeviceBusy, TargetUrlError."""
    from sgdma.pcie.client import UserFunction

    memory = parameters(url)["memory"]
    return _open(url, UserFunction(Path(url.path)), memory)


def open_vfio(url: TargetUrl) -> Target:
    """The function at the bus address, bound to vfio-pci. Raises DeviceGone, DeviceBusy, TargetUrlError."""
    from sgdma.pcie.kernel import KernelFunction

    memory = parameters(url)["memory"]
    return _open(url, KernelFunction(url.path), memory)


def _open(url: TargetUrl, function: PciFunction, memory: int) -> Target:
    try:
        return PcieTarget(url.text, function, memory)
    except BaseException:
        function.close()
        raise


def parameters(url: TargetUrl) -> dict[str, int]:
    """What a URL says. Raises TargetUrlError, PciAddressError."""
    if not url.path:
        raise TargetUrlError(f"target {url.text!r} names no function; for example {SCHEMES[url.scheme].example}")
    if url.scheme == "vfio":
        full_address(url.path)
    unknown = next((name for name in url.query if name != "memory"), None)
    if unknown:
        raise TargetUrlError(f"target parameter {unknown!r} is unknown; {url.scheme}: has memory")
    return numbers(url, OWN)
