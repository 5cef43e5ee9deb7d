"""Codes that cross the host/device line: opcodes, completion status, queue states, commands and their results.

A completion's status is one byte. Rule violations sit at ``RULE_BASE`` plus the number of the rule, so the name of the
violated rule is always in the status itself.
"""

from __future__ import annotations

import enum

from sgdma.rules.language import Direction, Rule

__all__ = ["NO_SEGMENT", "RULE_BASE", "Command", "Opcode", "Port", "QueueError", "QueueState", "Result", "SlotKind",
           "Status", "status_name", "status_of_rule"]

Opcode = Direction
"""The two directions are the device's opcodes: H2C = 1 (the device reads host memory), C2H = 2 (it writes it)."""

NO_SEGMENT = 0xFFFF
"""Value of a completion's ``segment_index`` when no single segment is to blame."""

RULE_BASE = 0x20
"""First status code of the rule violations: status = RULE_BASE + rule number."""


class SlotKind(enum.IntEnum):
    """Top nibble of every submission slot: lets the device find the start of the next request after a torn list."""

    HEADER = 0xA
    SEGMENT = 0x5


class Port(enum.IntEnum):
    """Where on the card a request's payload goes to or comes from (header flags, bits 1:0)."""

    LOOPBACK = 0
    PATTERN = 1
    MEMORY = 2


class Status(enum.IntEnum):
    """Completion status below the rule codes."""

    OK = 0x00
    BAD_HEADER = 0x01  # a slot where a request should start is no header, or its opcode/flags are unknown
    TORN_LIST = 0x02  # a segment slot is missing, stale, of another request, or beyond the doorbell
    LENGTH_MISMATCH = 0x03  # the segments' lengths do not add up to the header's total length
    BUS_ERROR = 0x04  # memory answered SLVERR or DECERR to a payload burst
    STREAM_ERROR = 0x05  # user logic flagged an error, or its packet was shorter or longer than the request
    ABORTED = 0x06  # the queue was aborted before the request could finish


class QueueState(enum.IntEnum):
    """State of one queue pair (register ``queue_state``)."""

    IDLE = 0
    RUNNING = 1
    STOPPING = 2
    STOPPED = 3
    ABORTING = 4
    ERROR = 5


class QueueError(enum.IntEnum):
    """Why a queue pair is in state ERROR."""

    NONE = 0
    SQ_DOORBELL = 1  # tail beyond what the ring can hold
    CQ_DOORBELL = 2  # head beyond what was completed
    FETCH_BUS = 3  # memory answered an error to a descriptor fetch
    CQ_BUS = 4  # memory answered an error to a completion write


class Command(enum.IntEnum):
    """Operations on the queue pair that ``queue_select`` names (register ``queue_command``)."""

    START = 1
    STOP = 2
    RESUME = 3
    ABORT = 4
    RELEASE = 5


class Result(enum.IntEnum):
    """Outcome of the last command (register ``queue_result``)."""

    OK = 0
    BAD_QUEUE = 1
    BAD_STATE = 2
    BAD_SIZE = 3
    TABLE_ALIGN = 4
    TABLE_BOUNDARY = 5
    ADDRESS_BITS = 6
    BAD_COMMAND = 7


def status_of_rule(rule: Rule) -> int:
    """Status byte of a violation of ``rule``."""
    return RULE_BASE + int(rule)


def status_name(status: int) -> str:
    """Human name of a completion's status byte, for example ``OK`` or ``rule SEGMENT_BOUNDARY``."""
    if status > RULE_BASE:
        try:
            return f"rule {Rule(status - RULE_BASE).name}"
        except ValueError:
            return f"unknown status 0x{status:02x}"
    try:
        return Status(status).name
    except ValueError:
        return f"unknown status 0x{status:02x}"
