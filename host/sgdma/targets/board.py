"""A board whose DMA memory is its own: registers and memory through a link, faults by the board's own registers.

The host keeps a copy of every region and moves what is synchronised, no more. There is no interrupt line to the host;
`wait_interrupt` watches the pending register of the device's vectors instead.
"""

from __future__ import annotations

import google_crc32c
import numpy as np
import numpy.typing as npt

from sgdma.errors import MemoryFailed, MissingCapability, OutOfMemory
from sgdma.link import Link, Quality
from sgdma.spec.registers import BANKS, BOARD, BOARD_MAGIC, DEVICE
from sgdma.targets.contract import Capability, DmaRegion, FaultInjection, Target
from sgdma.targets.guard import GuardFaults
from sgdma.targets.heap import Heap

__all__ = ["BoardTarget"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
TRUST_FROM = 256
"""Fewer bytes are read as fast as they are summed up."""
MEMORY_LIMIT = 10_000_000
"""Device cycles that SDRAM may take to wake up."""
NEAR = 64
"""Ranges closer than this many bytes are read in one go."""


class BoardTarget(Target):
    """A board behind `link`, its registers at bus address `csr_base`.

    `trust`: memory whose CRC32C, computed on the board, is that of the host's copy is taken to be as the copy, and not
    read. One change in 2**32 goes unseen then.
    Raises MissingCapability when it is none of our boards, unless `memory` names base and bytes of its DMA memory: then
    any SoC with the core in it will do, without faults.
    """

    def __init__(
        self, url: str, link: Link, csr_base: int, memory: tuple[int, int] | None = None, *, trust: bool = False
    ) -> None:
        self.url, self._link, self._trust = url, link, trust
        self.bases = {bank.name: csr_base + bank.base for bank in BANKS}
        self._csr_base = csr_base
        self._features: dict[str, int] = {}
        self.capabilities = Capability.INTERRUPTS
        base, self.memory_bytes = memory or self._discover()
        self._heap = Heap(base, self.memory_bytes)
        self._regions: dict[int, int] = {}
        self._taken = 0

    def _discover(self) -> tuple[int, int]:
        count = len(BOARD.registers)
        values = self._link.read(self._csr_base + BOARD.base, count).tolist()
        found = {register.name: int(value) for register, value in zip(BOARD.registers, values, strict=True)}
        if found["magic"] != BOARD_MAGIC:
            raise MissingCapability(
                f"{self.url}: no board registers at {self._csr_base + BOARD.base:#x} ({found['magic']:#010x}); load a "
                "bitstream of `sgdma build`, or say where its DMA memory is with memory_base= and memory="
            )
        self._features = BOARD.register("features").unpack(found["features"])
        self.capabilities |= Capability.FAULT_INJECTION
        if self.has("cpu"):
            self.capabilities |= Capability.CPU
        self._faults = GuardFaults(self, self._csr_base)
        self._await_memory()
        return found["memory_base"], found["memory_bytes"]

    def _await_memory(self) -> None:
        """SDRAM takes some milliseconds behind power-up until it can be used."""
        state, limit = BOARD.register("memory_state"), 0
        while not (told := state.unpack(self.read_board("memory_state")))["ready"]:
            limit = limit or self.now() + MEMORY_LIMIT
            if told["failed"] or self.now() > limit:
                lanes = f"{self.read_board('memory_lanes'):#010x}"
                raise MemoryFailed(
                    f"{self.url}: the board's SDRAM does not give back what is written (register memory_lanes = "
                    f"{lanes}: a lane's upper three bits are how many delays worked); reset the board, build it with "
                    "a lower --clock, or without --dram"
                )

    def memory_lanes(self) -> list[tuple[int, int, int]]:
        """What SDRAM's training found, by byte lane: bit slip, delay, delays in a row that work (7 for more).

        A lane that is not there, or whose PHY has no delays, has a row of 0 or 1. Empty where memory is block RAM.
        """
        if not self.has("dram"):
            return []
        lanes = self.read_board("memory_lanes").to_bytes(4, "little")
        return [(lane >> 3 & 3, lane & 7, lane >> 5) for lane in lanes]

    def has(self, feature: str) -> bool:
        """Whether the board was built with a feature, a field of its register `features`."""
        return bool(self._features.get(feature))

    def link_quality(self) -> Quality:
        """How the link is doing: its kind, rate, turn-around, and what had to be sent again."""
        return self._link.quality()

    # Registers.

    def read32(self, address: int) -> int:
        return int(self._link.read(address, 1)[0])

    def write32(self, address: int, value: int) -> None:
        self._link.write(address, [value & 0xFFFFFFFF])

    def read_block(self, address: int, count: int) -> U32:
        return self._link.read(address, count)

    def write_block(self, address: int, values: npt.ArrayLike) -> None:
        self._link.write(address, values)

    def write_board(self, name: str, value: int) -> None:
        """Write a register of the board's own bank."""
        self.write32(self._csr_base + BOARD.address(name), value)

    def read_board(self, name: str) -> int:
        """Read a register of the board's own bank."""
        return self.read32(self._csr_base + BOARD.address(name))

    # Memory.

    def allocate(self, size: int, align: int = 4096) -> DmaRegion:
        whole = -(-max(size, 1) // 64) * 64
        iova = self._heap.allocate(whole, max(align, 64))
        if iova is None:
            left = self.memory_bytes - self._heap.used
            state = f"{left} of {self.memory_bytes} on the board are free"
            raise OutOfMemory(f"{size} bytes of DMA memory: {state}; free some")
        self._regions[iova] = whole
        if self.has("clear"):
            self._clear(iova, whole)
        else:
            self._link.write(iova, np.zeros(whole // 4, np.uint32))
        return DmaRegion(iova, np.zeros(size, np.uint8))

    def free(self, region: DmaRegion) -> None:
        self._heap.free(region.iova, self._regions.pop(region.iova))

    def sync_for_device(self, region: DmaRegion, start: int, size: int) -> None:
        """Whole words go over as they are; of a word at the edge, the bytes beside the range stay the board's."""
        if not size:
            return
        low, high = start & -4, -(-(start + size) // 4) * 4
        data = np.zeros(high - low, np.uint8)
        data[start - low : start - low + size] = region.array[start : start + size]
        keep = [0xF & (1 << start - low) - 1, 0xF & 0xF << 4 - (high - start - size)]  # bytes of the first, last word
        if len(data) == 4:
            keep = [keep[0] | keep[1], 0]
        words, first, last = data.view("<u4"), int(keep[0] > 0), len(data) // 4 - int(keep[1] > 0)
        if keep[0]:
            self._write_bytes(region.iova + low, words[:1], keep[0])
        if last > first:
            self._link.write(region.iova + low + 4 * first, words[first:last])
        if keep[1]:
            self._write_bytes(region.iova + high - 4, words[-1:], keep[1])

    def zero(self, region: DmaRegion, start: int, size: int) -> None:
        """By the board itself where it can, without a byte on the link."""
        if not self.has("clear") or start % 64 or size % 64:
            super().zero(region, start, size)
        elif size:
            region.array[start : start + size] = 0
            self._clear(region.iova + start, size)

    def _clear(self, iova: int, size: int) -> None:
        self.write_board("clear_start", iova)
        self.write_board("clear_last", iova + size - 1)
        while self.read_board("clear_busy"):
            pass

    def _write_bytes(self, address: int, word: U32, keep: int) -> None:
        """Write one word but the bytes whose bits are set in `keep`."""
        if self.has("images"):
            self._link.write(address + keep * self.memory_bytes, word)
            return
        mask = sum(0xFF << 8 * place for place in range(4) if keep >> place & 1)
        held = int(self._link.read(address, 1)[0])
        self._link.write(address, [held & mask | int(word[0]) & ~mask])

    def sync_for_host(self, region: DmaRegion, start: int, size: int) -> None:
        if not size:
            return
        low, high = start & -4, -(-(start + size) // 4) * 4
        data = self._fetch(region, low, high)
        region.array[start : start + size] = data[start - low : start - low + size]

    def sync_ranges_for_host(self, region: DmaRegion, starts: I64, sizes: I64) -> None:
        """Ranges that lie close together are fetched in one go."""
        starts, sizes = starts[sizes > 0], sizes[sizes > 0]
        if not len(starts):
            return
        order = np.argsort(starts, kind="stable")
        low, high = starts[order] & -4, -(-(starts + sizes)[order] // 4) * 4
        reach = np.maximum.accumulate(high)
        cuts = np.flatnonzero(low[1:] > reach[:-1] + NEAR) + 1
        begins, ends = low[np.r_[0, cuts]], reach[np.r_[cuts - 1, len(reach) - 1]]
        fetched = [self._fetch(region, begin, end)
                   for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]  # fmt: skip
        group = np.searchsorted(begins, starts, side="right") - 1
        for start, size, index in zip(starts.tolist(), sizes.tolist(), group.tolist(), strict=True):
            place = start - int(begins[index])
            region.array[start : start + size] = fetched[index][place : place + size]

    def _fetch(self, region: DmaRegion, begin: int, end: int) -> U8:
        """Bytes `begin` to `end` - 1 of a region, whole words, as they are on the board."""
        copy, words = region.array[begin:end], (end - begin) // 4
        if self._trust and TRUST_FROM <= end - begin == len(copy) and self._vouched(region.iova + begin, copy):
            return copy.copy()
        return self._link.read(region.iova + begin, words).astype("<u4").view(np.uint8)

    def _vouched(self, address: int, copy: U8) -> bool:
        """Whether memory on the board has the checksum of the host's copy."""
        return self._link.checksum(address, len(copy) // 4) == int(google_crc32c.value(copy.tobytes()))

    # Time is the device's own counter.

    def wait_interrupt(self, vector: int, timeout: int) -> bool:
        pending, enable = (self._csr_base + DEVICE.address(name) for name in ("ev_pending", "ev_enable"))
        limit = self.now() + timeout
        while not self._taken >> vector & 1:
            fired = self.read32(pending) & self.read32(enable)
            if fired:
                self.write32(pending, fired)
                self._taken |= fired
            elif self.now() >= limit:
                return False
        self._taken &= ~(1 << vector)
        return True

    # The rig.

    @property
    def faults(self) -> FaultInjection:
        if Capability.FAULT_INJECTION in self.capabilities:
            return self._faults
        return super().faults

    def reset(self) -> None:
        self._taken = 0
        if Capability.FAULT_INJECTION in self.capabilities:
            self._faults.clear()

    def close(self) -> None:
        self._regions.clear()
        self._link.close()
