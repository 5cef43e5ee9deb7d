"""``vfio:BDF``, a PCI function through the kernel's VFIO, and ``vfio-user:PATH``, one served on a UNIX socket.

Parameter ``memory``: bytes that may be mapped at a time (64 MiB).
"""

from __future__ import annotations

from pathlib import Path

from sgdma.errors import TargetUrlError
from sgdma.pcie.function import PciFunction
from sgdma.targets.contract import Target
from sgdma.targets.pcie import PcieTarget
from sgdma.targets.url import TargetUrl

__all__ = ["open_vfio", "open_vfio_user"]


def open_vfio_user(url: TargetUrl) -> Target:
    """The function served at the path. Raises DeviceGone, DeviceBusy, TargetUrlError."""
    from sgdma.pcie.client import UserFunction

    memory = _memory(url, "vfio-user:/tmp/board.sock")
    return _open(url, UserFunction(Path(url.path)), memory)


def open_vfio(url: TargetUrl) -> Target:
    """The function at the bus address, bound to vfio-pci. Raises DeviceGone, DeviceBusy, TargetUrlError."""
    from sgdma.pcie.kernel import KernelFunction

    memory = _memory(url, "vfio:0000:01:00.0")
    return _open(url, KernelFunction(url.path), memory)


def _open(url: TargetUrl, function: PciFunction, memory: int) -> Target:
    try:
        return PcieTarget(url.text, function, memory)
    except BaseException:
        function.close()
        raise


def _memory(url: TargetUrl, example: str) -> int:
    if not url.path:
        raise TargetUrlError(f"target {url.text!r} names no function; for example {example}")
    unknown = next((name for name in url.query if name != "memory"), None)
    if unknown:
        raise TargetUrlError(f"target parameter {unknown!r} is unknown; {url.scheme}: has memory")
    text = url.query.get("memory", str(64 << 20))
    try:
        memory = int(text, 0)
    except ValueError:
        raise TargetUrlError(f"target parameter memory = {text!r}: must be an integer") from None
    if memory < 1 << 20:
        raise TargetUrlError(f"target parameter memory = {memory}: must be at least 1 MiB")
    return memory
