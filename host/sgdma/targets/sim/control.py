"""Control block shared with the bench's host memory: one numpy dtype, from which the C header is made.

The shared file is: control block, one flag byte a page, DMA memory. Python runs only while the simulation stands still,
so plain stores and loads are enough.
"""

from __future__ import annotations

import enum
import mmap
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["CONTROL", "FAULTS", "IOVA_BASE", "MAILBOX", "PAGE", "TLPS", "SharedFile", "TlpFault", "Want", "c_header"]

PAGE = 4096
MAILBOX = 256
FAULTS = 64
TLPS = 1024
IOVA_BASE = 0x1000_0000



class Want(enum.IntFlag):
    """What wakes Python."""

    READ = 1  # the read is answered
    TIME = 2  # ``wake_at`` is reached
    IRQ = 4  # the interrupt line is high
    DRAIN = 8  # the mailbox is empty
    MESSAGE = 16  # there is something to read on the socket
    VECTOR = 32  # ``vectors`` is not zero


class TlpFault(enum.IntEnum):
    """What a read request of the device can meet with; by bit of ``tlp_faults`` and place in ``tlp_fault_count``."""

    UNSUPPORTED = 0  # completion with status UR
    ABORTED = 1  # completion with status CA
    POISONED = 2  # data with the poison bit
    LOST = 3  # no completion
    CUT_OFF = 4  # all completions but the last
    LATE = 5  # everything, after the time-out
    WRONG_LENGTH = 6  # a header that promises a dword more
    TRUNCATED = 7  # a packet that ends early
    STRAY = 8  # beside the right completions one that belongs to another function


CONTROL = np.dtype([
    ("control_bytes", "<u4"),  # size of this block: both sides must agree
    ("want", "<u4"),  # a sum of Want
    ("cycles", "<u8"),  # clock cycles since reset
    ("wake_at", "<u8"),
    ("seed", "<u8"),
    ("iova_base", "<u8"),  # bus address of the first byte of DMA memory
    ("memory_bytes", "<u8"),
    ("pages_offset", "<u8"),  # in the file
    ("memory_offset", "<u8"),
    ("irq", "<u4"),  # the interrupt line when Python was woken
    ("writes_head", "<u4"),  # posted register writes: taken so far
    ("writes_tail", "<u4"),  # and put so far
    ("read_state", "<u4"),  # 0 none, 1 asked, 2 under way, 3 answered
    ("read_address", "<u4"),
    ("read_value", "<u4"),
    ("write_address", "<u4", MAILBOX),
    ("write_value", "<u4", MAILBOX),
    ("latency", "<u4"),  # cycles from address to first data, from last data to response
    ("jitter", "<u4"),  # up to that many more
    ("backpressure", "<u4"),  # of 256 cycles so many in which memory is not ready
    ("out_of_order", "<u4"),  # answers of different ids may overtake
    ("fault_count", "<u4"),
    ("violations", "<u4"),  # breaches of AXI seen by the bench
    ("fault_start", "<u8", FAULTS),
    ("fault_end", "<u8", FAULTS),
    ("fault_kind", "<u4", FAULTS),  # 1 read error, 2 write error, 4 unmapped
    ("violation_text", "u1", 128),
    ("vectors", "<u4"),  # interrupt messages since Python has cleared this: bit n for vector n
    ("reset", "<u4"),  # 1: reset the device, as at power-up; what it has asked of memory is forgotten
    ("socket", "<u4"),  # file descriptor of that socket
    ("range_count", "<u4"),  # ranges of other memory that the device reaches
    ("ranges", "<u8"),  # pointer to them: Range of dma_memory.h, sorted by start
    ("refused", "<u8"),  # accesses that were answered by DECERR
    ("refused_address", "<u8"),  # of the last one
    ("refused_write", "<u4"),  # whether the last one was a write
    # Of the PCIe bench (root_complex.cpp) alone:
    ("mps", "<u4"), ("mrrs", "<u4"), ("rcb", "<u4"),  # maximum payload and read request, read completion boundary
    ("read_credits", "<u4"),  # read requests that the root complex holds at a time, 0: any number
    ("write_credits", "<u4"),  # 16 bytes each of writes that it has room for, 0: any number
    ("tlp_split", "<u4"),  # completions are split at random boundaries
    ("link_down", "<u4"),  # nothing gets through either way
    ("read_words", "<u4"),  # dwords of a register read, 0 and 1: one
    ("read_status", "<u4"),  # completion status of the last one
    ("tlp_fault_rate", "<u4"),  # of 65536 reads so many meet with a fault
    ("tlp_faults", "<u4"),  # kinds that are allowed, by bit: TlpFault
    ("tlp_late", "<u4"),  # cycles after which a late completion comes
    ("tag_rest", "<u4"),  # cycles from a read that was lost to the next one with its tag, at least
    ("tlp_fault_count", "<u4", 16),  # faults that were dealt out, by kind
    ("vector_count", "<u4", 32),  # interrupt messages, by vector
    ("tx_beats", "<u8"), ("rx_beats", "<u8"),  # of the streams from and to the device
    ("written_bytes", "<u8"),  # by the device, in memory
    ("tlp_count", "<u4"),  # packets from the device
    ("tlps", "<u4", 6 * TLPS),  # the last of them: five dwords and how many it had, each
])  # fmt: skip

_C_TYPES = {"uint8": "uint8_t", "uint32": "uint32_t", "uint64": "uint64_t"}


def c_header() -> str:
    """The same block as a C struct, and its enumerations."""
    wants = ", ".join(f"WANT_{want.name} = {want.value}" for want in Want)
    mishaps = ", ".join([*TlpFault.__members__, "MISHAPS", "NONE"])
    fields = dict(CONTROL.fields or {})
    lines = ["// Generated from sgdma.targets.sim.control.", "#pragma once", "#include <cstdint>", "",
             "#pragma pack(push, 1)", "struct Control {"]
    for name in CONTROL.names or ():
        dtype = fields[name][0]
        count = f"[{dtype.shape[0]}]" if dtype.shape else ""
        lines.append(f"    {_C_TYPES[dtype.base.name]} {name}{count};")
    lines += ["};", "#pragma pack(pop)", f"static_assert(sizeof(Control) == {CONTROL.itemsize});", "",
              f"enum Want : uint32_t {{ {wants} }};", f"enum Mishap {{ {mishaps} }};", ""]  # fmt: skip
    return "\n".join(lines)


class SharedFile:
    """The shared file, mapped. ``control``: one record of :data:`CONTROL`; ``pages``, ``memory``: uint8 arrays."""

    def __init__(
        self, path: Path, memory_bytes: int, *, seed: int = 1, iova: int = IOVA_BASE, create: bool = False
    ) -> None:
        pages = memory_bytes // PAGE
        head = -(-CONTROL.itemsize // PAGE) * PAGE
        body = head + -(-pages // PAGE) * PAGE
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0)
        handle = os.open(path, flags, 0o600)
        try:
            if create:
                os.ftruncate(handle, body + memory_bytes)
            self._map = mmap.mmap(handle, body + memory_bytes)
        finally:
            os.close(handle)
        whole: npt.NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)
        self.control = whole[: CONTROL.itemsize].view(CONTROL)[0]
        self.pages = whole[head : head + pages]
        self.memory = whole[body:]
        if create:
            self._describe(head, body, memory_bytes, seed, iova)

    def _describe(self, pages_offset: int, memory_offset: int, memory_bytes: int, seed: int, iova: int) -> None:
        control = self.control
        control["control_bytes"] = CONTROL.itemsize
        control["iova_base"] = iova
        control["memory_bytes"] = memory_bytes
        control["pages_offset"] = pages_offset
        control["memory_offset"] = memory_offset
        control["seed"] = seed
        control["latency"] = 16
        control["mps"], control["mrrs"], control["rcb"] = 256, 512, 64
