"""``uart:PORT``: a board behind a serial port, by our link or LiteX's UARTBone; DMA memory is the board's own.

Parameters: ``baud`` (``auto``: the fastest that board and line hold), ``link`` (``auto``, ``reliable`` or ``bone``),
``verify`` (0; 1 detects damage on a UARTBone as well), ``timeout`` in seconds (1), ``csr_base``, where the SoC
has put the registers (0), ``memory_base`` and ``memory``, where the board's DMA memory lies on its bus and how many
bytes it has. The host keeps a copy of every region and moves what is synchronised, no more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sgdma.errors import OutOfMemory, TargetUrlError
from sgdma.link import KINDS, open_link
from sgdma.spec.registers import BANKS, DEVICE, MAGIC
from sgdma.targets.contract import Capability, DmaRegion, Target
from sgdma.targets.heap import Heap
from sgdma.targets.url import TargetUrl

__all__ = ["UartTarget"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
OWN = {"baud": 0, "link": 0, "verify": 0, "timeout": 1, "csr_base": 0, "memory_base": 0x4000_0000, "memory": 32768}


class UartTarget(Target):
    """A board, or what speaks one of the links on a port, pty or socket. No interrupts: completions are polled."""

    capabilities = Capability.NONE

    def __init__(self, url: TargetUrl) -> None:
        own = _parameters(url)
        self.url, self.memory_bytes = url.text, own["memory"]
        self.bases = {bank.name: own["csr_base"] + bank.base for bank in BANKS}
        self._time = own["csr_base"] + DEVICE.address("time_lo")
        self._heap = Heap(own["memory_base"], own["memory"])
        self._regions: dict[int, int] = {}
        sentinel = own["csr_base"] + DEVICE.address("magic"), MAGIC
        self._bone = open_link(url.path, own["baud"] or None, own["timeout"], KINDS[own["link"]], bool(own["verify"]),
                               sentinel)  # fmt: skip

    # Registers.

    def read32(self, address: int) -> int:
        return int(self._bone.read(address, 1)[0])

    def write32(self, address: int, value: int) -> None:
        self._bone.write(address, [value & 0xFFFFFFFF])

    def read_block(self, address: int, count: int) -> U32:
        return self._bone.read(address, count)

    def write_block(self, address: int, values: npt.ArrayLike) -> None:
        self._bone.write(address, values)

    # Memory.

    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        whole = -(-max(size, 1) // 4) * 4
        iova = self._heap.allocate(whole, max(align, 4))
        if iova is None:
            left = self.memory_bytes - self._heap.used
            state = f"{left} of {self.memory_bytes} on the board are free"
            raise OutOfMemory(f"{size} bytes of DMA memory: {state}; free some")
        self._regions[iova] = whole
        self._bone.write(iova, np.zeros(whole // 4, np.uint32))
        return DmaRegion(iova, np.zeros(size, np.uint8))

    def free(self, region: DmaRegion) -> None:
        self._heap.free(region.iova, self._regions.pop(region.iova))

    def sync_for_device(self, region: DmaRegion, start: int, size: int) -> None:
        """Whole words go over as they are; of a word at the edge, the bytes beside the range stay the board's."""
        if not size:
            return
        low, high = start & -4, -(-(start + size) // 4) * 4
        data = np.zeros(high - low, np.uint8)
        if start != low:
            data[:4] = self._fetch(region.iova + low, 4)
        if start + size != high:
            data[-4:] = self._fetch(region.iova + high - 4, 4)
        data[start - low : start - low + size] = region.array[start : start + size]
        self._bone.write(region.iova + low, data.view("<u4"))

    def sync_for_host(self, region: DmaRegion, start: int, size: int) -> None:
        if not size:
            return
        low, high = start & -4, -(-(start + size) // 4) * 4
        data = self._fetch(region.iova + low, high - low)
        region.array[start : start + size] = data[start - low : start - low + size]

    def _fetch(self, address: int, size: int) -> U8:
        return self._bone.read(address, size // 4).astype("<u4").view(np.uint8)

    # Time: the board's own counter.

    def now(self) -> int:
        low, high = self._bone.read(self._time, 2).tolist()
        return int(low | high << 32)

    def sleep(self, cycles: int) -> None:
        limit = self.now() + cycles
        while self.now() < limit:
            pass

    def close(self) -> None:
        self._regions.clear()
        self._bone.close()


def _parameters(url: TargetUrl) -> dict[str, int]:
    if not url.path:
        raise TargetUrlError(f"target {url.text!r} names no port; for example uart:/dev/ttyUSB0?baud=1000000")
    values = dict(OWN)
    for name, text in url.query.items():
        if name not in OWN:
            raise TargetUrlError(f"target parameter {name!r} is unknown; uart: has {', '.join(OWN)}")
        if name == "link":
            values[name] = _link(text)
            continue
        if (name, text) == ("baud", "auto"):
            continue
        try:
            values[name] = int(text, 0)
        except ValueError:
            raise TargetUrlError(f"target parameter {name} = {text!r}: must be an integer") from None
        if values[name] < (0 if name.endswith("base") or name == "verify" else 1):
            raise TargetUrlError(f"target parameter {name} = {text}: must be more than that")
    return values


def _link(text: str) -> int:
    """Index of a kind of link in KINDS."""
    if text not in KINDS:
        raise TargetUrlError(f"target parameter link = {text!r}: unknown; there are {', '.join(KINDS)}")
    return KINDS.index(text)
