"""The register map, declared once: LiteX builds its CSRs from it, the model answers by it, the driver reads it.

All registers are 32 bit wide, at consecutive word offsets within their bank, in the order given here. A 64-bit quantity
is two registers, ``_lo`` and ``_hi``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache

__all__ = ["BANKS", "BOARD", "BOARD_MAGIC", "DEVICE", "FAULT_RANGES", "FIXTURE", "MAGIC",
           "VERSION", "Bank", "Bits", "Register", "map_hash"]

MAGIC = 0x5347444D  # "SGDM"
BOARD_MAGIC = 0x53474244  # "SGBD"
FAULT_RANGES = 4
"""Ranges of board memory that can be made to fail at a time."""
VERSION = 0x0001_0000  # major << 16 | minor of the device interface


@dataclass(frozen=True)
class Bits:
    """A field of a register: ``size`` bits from bit ``offset`` up."""

    name: str
    offset: int
    size: int
    description: str
    pulse: bool = False

    @property
    def mask(self) -> int:
        """Bits of the field in place."""
        return ((1 << self.size) - 1) << self.offset


@dataclass(frozen=True)
class Register:
    """One 32-bit register. ``access`` is ``ro``, ``rw`` (storage), ``wo`` (a write is an event) or ``ev`` (made by
    LiteX's EventManager)."""

    name: str
    access: str
    description: str
    fields: tuple[Bits, ...] = ()
    reset: int = 0

    def field(self, name: str) -> Bits:
        """The field called ``name``; KeyError when there is none."""
        for bits in self.fields:
            if bits.name == name:
                return bits
        raise KeyError(f"register {self.name} has no field {name}")

    def unpack(self, value: int) -> dict[str, int]:
        """Field values of a raw register value."""
        return {bits.name: (value & bits.mask) >> bits.offset for bits in self.fields}


@dataclass(frozen=True)
class Bank:
    """Registers of one module at ``base`` in the CSR region of the stand-alone build."""

    name: str
    base: int
    registers: tuple[Register, ...]

    def address(self, name: str) -> int:
        """Byte address of a register in the CSR region; KeyError when there is none."""
        for index, register in enumerate(self.registers):
            if register.name == name:
                return self.base + 4 * index
        raise KeyError(f"bank {self.name} has no register {name}")

    def register(self, name: str) -> Register:
        """The declaration of a register; KeyError when there is none."""
        return self.registers[(self.address(name) - self.base) // 4]


def _ro(name: str, description: str, *fields: Bits) -> Register:
    return Register(name, "ro", description, fields)


def _rw(name: str, description: str, *fields: Bits, reset: int = 0) -> Register:
    return Register(name, "rw", description, fields, reset)


def _wo(name: str, description: str, *fields: Bits) -> Register:
    return Register(name, "wo", description, fields)


_QUEUE = Bits("queue", 24, 8, "Queue pair.")

DEVICE = Bank("sgdma", 0x000, (
    _ro("magic", "Constant 0x5347444D: this is an sgdma core."),
    _ro("version", "Version of the device interface.", Bits("minor", 0, 16, "Compatible additions."),
        Bits("major", 16, 16, "Incompatible changes.")),
    _ro("map_hash", "Hash of the register map and memory layouts that this device was built with."),
    _ro("rules_hash", "First 32 bits of the content hash of the rule set that this device enforces."),
    _ro("hash0", "Content hash of what was built, bits 31:0."),
    _ro("hash1", "Content hash, bits 63:32."),
    _ro("hash2", "Content hash, bits 95:64."),
    _ro("hash3", "Content hash, bits 127:96."),
    _ro("clock_hz", "Frequency of the core's clock; unit of time stamps and of interrupt moderation."),
    _ro("geometry", "Shape of this build.",
        Bits("data_bytes_log2", 0, 4, "log2 of the memory bus width in bytes."),
        Bits("queues", 4, 8, "Number of queue pairs."),
        Bits("burst_log2", 12, 4, "log2 of the burst boundary in bytes: no AXI burst crosses a multiple of it."),
        Bits("address_bits", 16, 8, "Bits of a bus address."),
        Bits("crc", 24, 1, "Completions carry a CRC32C of the payload."),
        Bits("realign_h2c", 25, 1, "A realigner is built in H2C direction."),
        Bits("realign_c2h", 26, 1, "A realigner is built in C2H direction."),
        Bits("fixture", 27, 1, "The test fixture is present.")),
    _ro("limits", "Sizes of on-chip buffers.",
        Bits("list_slots", 0, 16, "Segments that the on-chip list buffer of a direction holds."),
        Bits("prefetch_slots", 16, 16, "Submission slots prefetched ahead per queue pair.")),
    _rw("scratch", "No function; for tests of the register path."),
    _wo("control", "Device control.",
        Bits("reset", 0, 1, "Function-level reset: poll status.reset_busy until it is zero.", pulse=True)),
    _ro("status", "Device state.",
        Bits("reset_busy", 0, 1, "A function-level reset is waiting for outstanding bus transactions."),
        Bits("idle", 1, 1, "No bus transaction is outstanding."),
        Bits("stray_doorbell", 2, 1, "A doorbell named a queue that does not run; cleared by reset.")),
    _ro("time_lo", "Device clock cycles, bits 31:0; reading it freezes time_hi."),
    _ro("time_hi", "Device clock cycles, bits 63:32, as of the last read of time_lo."),
    _rw("queue_select", "Queue pair that the queue_* registers below mean.", Bits("queue", 0, 8, "Queue pair.")),
    _rw("queue_sq_base_lo", "For START: bus address of the submission ring, low half."),
    _rw("queue_sq_base_hi", "For START: bus address of the submission ring, high half."),
    _rw("queue_cq_base_lo", "For START: bus address of the completion ring, low half."),
    _rw("queue_cq_base_hi", "For START: bus address of the completion ring, high half."),
    _rw("queue_size", "For START: ring sizes.",
        Bits("sq_log2", 0, 5, "log2 of the submission ring's slots, 2 to 19."),
        Bits("cq_log2", 8, 5, "log2 of the completion ring's records, 1 to 15.")),
    _rw("queue_moderation", "For START: an armed vector fires at `count` completions or `time` after the first one.",
        Bits("count", 0, 8, "Completions; 0 and 1 mean at once."),
        Bits("time", 8, 16, "Clock cycles in units of 16; 0 means no limit of time.")),
    _wo("queue_command", "Operation on the selected queue pair: 1 START, 2 STOP, 3 RESUME, 4 ABORT, 5 RELEASE.",
        Bits("op", 0, 3, "Operation.")),
    _ro("queue_result", "Outcome of the last command; valid at once.", Bits("result", 0, 4, "0 is OK.")),
    _ro("queue_state", "State of the selected queue pair.",
        Bits("state", 0, 4, "0 IDLE, 1 RUNNING, 2 STOPPING, 3 STOPPED, 4 ABORTING, 5 ERROR."),
        Bits("error", 4, 4, "Why ERROR: 1 SQ doorbell, 2 CQ doorbell, 3 fetch bus error, 4 completion bus error."),
        Bits("in_flight", 16, 16, "Requests accepted and not yet completed.")),
    _ro("queue_sq_head", "Submission slots that the selected queue pair has consumed, modulo 2**20."),
    _ro("queue_cq_tail", "Completions that the selected queue pair has written, modulo 2**16."),
    _wo("sq_doorbell", "New tail of a submission ring.",
        Bits("tail", 0, 20, "Slots written so far, modulo 2**20."), _QUEUE),
    _wo("cq_doorbell", "New head of a completion ring, and re-arming of its interrupt vector.",
        Bits("head", 0, 16, "Completions read so far, modulo 2**16."),
        Bits("arm", 23, 1, "Fire once there is a completion at or beyond `head`, subject to moderation."), _QUEUE),
    Register("ev_status", "ev",
             "Interrupt vectors, raw: bit q for queue pair q, the bit above the last queue for errors."),
    Register("ev_pending", "ev", "Interrupt vectors pending; write 1 to clear."),
    Register("ev_enable", "ev", "Interrupt vectors that drive the interrupt line."),
))

FIXTURE = Bank("fixture", 0x800, (
    _rw("control", "User logic around the core.",
        Bits("hold_h2c", 0, 1, "Accept no H2C data."),
        Bits("hold_c2h", 1, 1, "Deliver no C2H data."),
        Bits("fail_c2h", 2, 1, "Flag an error on the last beat of every C2H packet."),
        Bits("short_c2h", 3, 1, "End every C2H packet after its first beat.")),
    _wo("command", "One-shot operations.",
        Bits("reset", 0, 1, "Empty the loopback buffer and clear the checker and all counters.", pulse=True),
        Bits("snapshot", 1, 1, "Copy the running counters into the registers below.", pulse=True)),
    _rw("seed", "Seed of the pattern: the 32-bit word at card address 4*i is mix(seed ^ i)."),
    _ro("memory_bytes", "Size of the card memory in bytes; card addresses wrap at it."),
    _ro("loopback_bytes", "Capacity of the loopback buffer in bytes."),
    _ro("checked_beats", "H2C beats that the checker has compared."),
    _ro("check_errors", "H2C beats that differed from the pattern."),
    _ro("first_error", "Card address (low 32 bits) of the first beat that differed."),
    _ro("cycles", "Clock cycles since reset of the fixture (snapshot, modulo 2**32, like all below)."),
    _ro("r_beats", "Read data beats on the memory bus, payload and descriptors."),
    _ro("w_beats", "Write data beats on the memory bus, payload and completions."),
    _ro("ar_count", "Read bursts."),
    _ro("aw_count", "Write bursts."),
    _ro("ar_stall", "Cycles in which a read address waited for memory."),
    _ro("aw_stall", "Cycles in which a write address waited for memory."),
    _ro("w_stall", "Cycles in which write data waited for memory."),
    _ro("h2c_beats", "Beats of the H2C stream."),
    _ro("h2c_stall", "Cycles in which the H2C stream waited for user logic."),
    _ro("c2h_beats", "Beats of the C2H stream."),
    _ro("c2h_stall", "Cycles in which the C2H stream waited for the core."),
    _ro("ar_descriptors", "Read bursts of ID 0, descriptors; the others are payload."),
    _ro("r_descriptors", "Read data beats of ID 0, descriptors."),
    _ro("aw_records", "Write bursts of ID 0, completion records."),
    _ro("w_records", "Write data beats of ID 0, completion records."),
    _ro("b_count", "Write responses."),
    _ro("b_records", "Write responses of ID 0, completion records."),
    _ro("r_stall", "Cycles in which read data waited for the core."),
    _ro("b_stall", "Cycles in which a write response waited for the core."),
    _ro("r_wait", "Cycles without read data although a read burst was outstanding: memory's latency shows."),
    _ro("w_wait", "Cycles without write data although the address of its burst was sent."),
    _ro("at_doorbell", "Value of `cycles` when a submission doorbell was last written (snapshot, like all below)."),
    _ro("at_first_ar", "... when the first read address of payload after that doorbell was offered to memory."),
    _ro("at_first_aw", "... when the first write address of payload after that doorbell was offered to memory."),
    _ro("at_last_r", "... when the last payload beat was read."),
    _ro("at_last_w", "... when the last payload beat was written."),
    _ro("at_last_b", "... when the last write response of payload came."),
    _ro("at_record_aw", "... when the write address of a completion record was last offered to memory."),
    _ro("at_record_b", "... when the write response of a completion record last came."),
    _ro("at_vector", "... when the interrupt vector of a queue pair last fired."),
))

BOARD = Bank("board", 0x1000, (
    _ro("magic", "Constant 0x53474244: this SoC is one of ours."),
    _ro("features", "What this SoC was built with.",
        Bits("cpu", 0, 1, "A soft CPU with firmware is present."),
        Bits("scope", 2, 1, "A LiteScope analyser watches the core's memory bus."),
        Bits("clear", 3, 1, "The clear_* registers work."),
        Bits("images", 4, 1, "DMA memory is on the bus 16 times, memory_bytes apart: words written to image n keep "
             "those bytes whose bits are set in n."),
        Bits("dram", 5, 1, "DMA memory is SDRAM or DDR3: memory_state tells when it can be used."),
        Bits("fault_ranges", 8, 4, "Ranges that the fault_* registers can hold.")),
    _ro("memory_base", "Bus address of the DMA memory."),
    _ro("memory_bytes", "Bytes of DMA memory on the board; the device gets DECERR beyond it. 0: memory is the host's."),
    _ro("mailbox", "Bus address of the mailbox of the firmware; 0 without CPU."),
    _rw("control", "Control of the SoC.",
        Bits("cpu_hold", 0, 1, "Hold the CPU in reset; it boots anew when released.")),
    _rw("fault_start", "For fault_set: first bus address that fails, below 4 GiB."),
    _rw("fault_last", "For fault_set: last bus address that fails."),
    _wo("fault_set", "Make bursts of the device that touch the range fail; takes fault_start and fault_last.",
        Bits("index", 0, 4, "Which range to set."),
        Bits("read", 4, 1, "Bursts that read there are answered by SLVERR."),
        Bits("write", 5, 1, "Bursts that write there are answered by SLVERR and change nothing."),
        Bits("unmapped", 6, 1, "Both are answered by DECERR.")),
    _wo("fault_clear", "Take back all ranges.", Bits("all", 0, 1, "Do so.", pulse=True)),
    _rw("clear_start", "For clear_last: first bus address to clear, a multiple of the bus width in bytes."),
    _wo("clear_last", "Last bus address to clear: writing it zeroes the range, but for pages that nobody has written."),
    _ro("clear_busy", "Clearing goes on.", Bits("busy", 0, 1, "Wait until it is zero.")),
    _ro("fault_hits", "Bursts that were made to fail since the last fault_clear."),
    _ro("memory_state", "Whether DMA memory can be used; block RAM always can. Until then words of it are bus errors.",
        Bits("ready", 0, 1, "It is awake, and gave back what was written."),
        Bits("failed", 1, 1, "It did not, at any delay of its data lines; only a reset tries again.")),
    _ro("memory_lanes", "What was found for the data lines of SDRAM, 8 bits a byte lane: delay (3), bit slip (2), how "
        "many delays in a row worked (3, 7 for more)."),
))

BANKS = (DEVICE, FIXTURE)
"""What every target has; BOARD is there on boards only."""


@cache
def map_hash() -> int:
    """32-bit hash of the register map and the memory layouts: equal on host and device, or they can't talk."""
    from sgdma.spec.layout import LAYOUTS
    from sgdma.spec.mailbox import FIRMWARE_LAYOUTS

    return zlib.crc32(repr((BANKS, BOARD, LAYOUTS, FIRMWARE_LAYOUTS)).encode())
