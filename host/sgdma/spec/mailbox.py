"""What firmware and host share in the CPU's SRAM, and the binary form of a request programme.

The mailbox lies at the start of the SRAM and the console's ring of bytes right behind it. The host writes `command` and
`argument`, then a new `ticket`; the firmware does what it is told and writes the same number to `done`.

A programme is words in DMA memory: a head (`PROGRAMME_LAYOUT`), `queues` ring descriptions (`RING_LAYOUT`), then
operations. An operation is a `JOB_LAYOUT` record; a request is followed by `count` segments (`PART_LAYOUT`).
"""

from __future__ import annotations

import enum

from sgdma.spec.layout import Field, Layout

__all__ = ["CONSOLE_BYTES", "FIRMWARE_LAYOUTS", "FIRMWARE_MAGIC", "JOB", "MAILBOX", "MAILBOX_LAYOUT", "PART",
           "PROGRAMME", "PROGRAMME_MAGIC", "RING", "FirmwareCommand", "FirmwareState", "JobKind", "RunnerFault"]

FIRMWARE_MAGIC = 0x53474657  # "SGFW"
PROGRAMME_MAGIC = 0x53475052  # "SGPR"
CONSOLE_BYTES = 2048
"""Size of the console's ring; a power of two."""


class FirmwareState(enum.IntEnum):
    """What the CPU is about."""

    BOOT = 0
    SELFTEST = 1
    IDLE = 2
    RUNNING = 3
    TRAP = 4  # an exception: `trap_cause` and `trap_pc` say which and where


class FirmwareCommand(enum.IntEnum):
    """What the host asks for."""

    NONE = 0
    SELFTEST = 1
    RUN = 2


class JobKind(enum.IntEnum):
    """Operations of a programme."""

    END = 0
    REQUEST = 1  # a request with `count` segments
    FILL = 2  # in the first round: fill `length` bytes at `address` with the pattern of `seed`
    VERIFY = 3  # wait for all requests, then compare `length` bytes at `address` with the pattern of `seed`


class RunnerFault(enum.IntEnum):
    """Why a programme was not, or not wholly, as expected; the first one counts."""

    NONE = 0
    PROGRAMME = 1  # not understood: magic, kind or size
    QUEUE = 2  # a queue could not be started
    TIMEOUT = 3  # no completion for a long time
    TAG = 4  # completion of a tag that is not under way: foreign or doubled
    SEQUENCE = 5  # a sequence number out of turn: a completion was lost
    STATUS = 6  # status, segment or bytes are not those expected
    DATA = 7  # VERIFY found other bytes


def _words(*fields: tuple[str, str]) -> tuple[Field, ...]:
    return tuple(Field(name, 32, text) for name, text in fields)


MAILBOX_LAYOUT = Layout("mailbox", "Shared by host and firmware, at the start of the CPU's SRAM.", _words(
    ("magic", "0x53474657 when the firmware has booted."),
    ("map_hash", "Hash of the register map and layouts that the firmware was built with."),
    ("state", "See the firmware's states."),
    ("selftest", "Bits 15:0 checks that passed, 30:16 checks that failed, 31: the self-test has ended."),
    ("command", "Host: what to do."),
    ("argument", "Host: bus address of the programme."),
    ("ticket", "Host: a new number starts the command."),
    ("done", "The ticket of the last command that has ended."),
    ("console_head", "Bytes written to the console so far, modulo 2**32."),
    ("fault", "Outcome of the last programme, see the runner's faults; 0 is good."),
    ("requests", "Requests submitted."),
    ("completions", "Completions taken."),
    ("digest", "Sum over all completions of their hash."),
    ("bytes_lo", "Payload bytes moved, low half."),
    ("bytes_hi", "Payload bytes moved, high half."),
    ("cycles_lo", "Device clock cycles from the first doorbell to the last completion, low half."),
    ("cycles_hi", "The same, high half."),
    ("first_round", "Of the first failure: round, or bus address for DATA."),
    ("first_job", "Of the first failure: number of the request in the programme."),
    ("first_got", "Of the first failure: status in bits 7:0, segment in 31:16; tag or sequence number."),
    ("first_expected", "What was expected in its place."),
    ("first_bytes", "Of the first failure: bytes moved."),
    ("trap_cause", "Of an exception: mcause."),
    ("trap_pc", "Of an exception: mepc."),
))

PROGRAMME_LAYOUT = Layout("programme", "Head of a request programme.", _words(
    ("magic", "0x53475052."),
    ("size", "Bytes of the programme, this head included."),
    ("queues", "Number of ring descriptions that follow; queue pairs 0 and up."),
    ("rounds", "How often the operations are gone through."),
    ("patience", "Device clock cycles without a completion after which the runner gives up."),
    ("depth", "Requests under way at most, 1 to 512 and no more than a completion ring holds."),
))

RING_LAYOUT = Layout("ring", "Rings of one queue pair of a programme, in DMA memory.", _words(
    ("sq", "Bus address of the submission ring."),
    ("cq", "Bus address of the completion ring."),
    ("log2", "Bits 7:0 sq_log2, 15:8 cq_log2."),
))

JOB_LAYOUT = Layout("job", "One operation of a programme.", (
    Field("kind", 8, "See the operations."),
    Field("queue", 8, "REQUEST: queue pair."),
    Field("opcode", 8, "REQUEST: 1 = H2C, 2 = C2H."),
    Field("port", 8, "REQUEST: port on the card."),
    Field("count", 16, "REQUEST: segments that follow."),
    Field("status", 8, "REQUEST: status that its completion must have."),
    Field("reserved", 8, "Zero."),
    Field("segment", 16, "REQUEST: segment that its completion must name."),
    Field("number", 16, "REQUEST: its number in the programme, from 0."),
    Field("address", 32, "REQUEST: card address. FILL, VERIFY: bus address, a multiple of 4."),
    Field("length", 32, "REQUEST: total length. FILL, VERIFY: bytes, a multiple of 4."),
    Field("seed", 32, "FILL, VERIFY: the word at `address` + 4 i is mix(seed ^ i)."),
))

PART_LAYOUT = Layout("part", "One segment of a programme's request.", _words(
    ("address", "Bus address."), ("length", "Length in the rule set's encoding."),
))

FIRMWARE_LAYOUTS = (MAILBOX_LAYOUT, PROGRAMME_LAYOUT, RING_LAYOUT, JOB_LAYOUT, PART_LAYOUT)
MAILBOX, PROGRAMME, RING, JOB, PART = (layout.dtype() for layout in FIRMWARE_LAYOUTS)
