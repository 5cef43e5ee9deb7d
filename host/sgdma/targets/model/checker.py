"""From submission slots to judged requests: structure first, then the rules, all waiting slots of a queue at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sgdma.rules import Direction, Rule, RuleSet
from sgdma.rules.check import _segment_codes
from sgdma.spec.layout import HEADER, SEGMENT
from sgdma.spec.status import NO_SEGMENT, RULE_BASE, Port, SlotKind, Status

__all__ = ["Request", "judge"]

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Slots = npt.NDArray[np.void]


@dataclass(slots=True, eq=False)
class Request:
    """One request off the ring. ``consumed``: its slots; ``skip``: slots passed over behind it on the way to a header.

    ``status`` and ``segment`` are the verdict. The rest is the progress of one that runs: ``position`` in the stream,
    ``bad``: bursts (stream start, end, segment) that memory answers by an error.
    """

    tag: int
    opcode: int
    port: int
    card: int
    total: int
    consumed: int
    skip: int
    status: int
    segment: int
    addresses: list[int]
    lengths: list[int]
    queue: int = 0
    position: int = 0
    begun: bool = False
    stream_error: bool = False
    crc: int = 0
    cursor: tuple[int, int] = (0, 0)
    bad: list[tuple[int, int, int]] = field(default_factory=list)


def judge(slots: U8, rules: RuleSet) -> list[Request]:
    """All requests in ``slots``, u8 (n, 16), which end at the tail, in order.

    A slot of kind HEADER always starts a request. A request also starts, and is a BAD_HEADER, on any other slot that
    follows a whole list; a torn list or a refused header swallows what follows it up to the next header.
    """
    count = len(slots)
    headers, segments = slots.view(HEADER)[:, 0], slots.view(SEGMENT)[:, 0]
    is_header = headers["kind_opcode"] >> 4 == SlotKind.HEADER
    place = np.arange(count)
    owner = np.maximum.accumulate(np.where(is_header, place, -1))
    index = segments["kind_index"]
    fits = (index >> 12 == SlotKind.SEGMENT) & (owner >= 0) & (segments["tag"] == headers["tag"][owner])
    fits &= (index & 0xFFF) == place - owner - 1
    next_misfit = np.minimum.accumulate(np.where(fits, count, place)[::-1])[::-1]
    next_misfit = np.append(next_misfit, count)

    starts = np.flatnonzero(is_header)
    status, known = _header_status(headers[starts], rules)
    wanted = headers["segment_count"][starts].astype(np.int64)
    walked = np.where(status == 0, np.minimum(next_misfit[starts + 1] - starts - 1, wanted), 0)
    torn = (status == 0) & (walked < wanted)
    status_found, segment = _list_status(headers[starts], segments, starts, walked, torn, status, known, rules)
    whole = (status == 0) & ~torn
    lengths = _lengths(segments["length"], rules)[0]
    return _assemble(headers, segments["address"], lengths, starts, walked, whole, status_found, segment)


def _header_status(headers: Slots, rules: RuleSet) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Status by the header alone, 0 where good; and whether the direction is known."""
    opcode = headers["kind_opcode"] & 0xF
    known = (opcode == Direction.H2C) | (opcode == Direction.C2H)
    status = np.zeros(len(headers), np.uint8)
    wanted, total = headers["segment_count"], headers["total_length"]
    for way in Direction:
        side, mine = rules.direction(way), opcode == way
        status[mine & ((total == 0) | (total > side.max_request_size))] = RULE_BASE + Rule.MAX_REQUEST_SIZE
        status[mine & (total & (side.total_align - 1) != 0)] = RULE_BASE + Rule.TOTAL_ALIGN
        status[mine & ((wanted == 0) | (wanted > side.max_segments))] = RULE_BASE + Rule.MAX_SEGMENTS
    status[~known | (headers["flags"] > max(Port))] = Status.BAD_HEADER
    return status, known


def _list_status(
    headers: Slots, segments: Slots, starts: I64, walked: I64, torn: npt.NDArray[np.bool_],
    status: npt.NDArray[np.uint8], known: npt.NDArray[np.bool_], rules: RuleSet,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:  # fmt: skip
    """Status and segment index after the walk over every list."""
    result, where = status.copy(), np.full(len(starts), NO_SEGMENT, np.uint16)
    result[torn], where[torn] = Status.TORN_LIST, walked[torn]
    for way in Direction:
        mine = np.flatnonzero(known & (status == 0) & (headers["kind_opcode"] & 0xF == way))
        if not len(mine):
            continue
        # A torn list is checked with one segment more, so that the last one seen doesn't count as the last one.
        sizes = walked[mine] + torn[mine]
        bounds = np.concatenate(([0], np.cumsum(sizes)))
        request = np.repeat(np.arange(len(mine)), sizes)
        order = np.arange(bounds[-1]) - bounds[request]
        rows = segments[np.minimum(starts[mine][request] + 1 + order, len(segments) - 1)]
        lengths, excess = _lengths(rows["length"], rules)
        before = np.concatenate((np.zeros(1, np.uint64), np.cumsum(lengths)))
        stream = before[:-1] - before[bounds[request]] + _card(headers[mine])[request]
        addresses = np.ascontiguousarray(rows["address"])
        codes = _segment_codes(rules, rules.direction(way), addresses, lengths, stream, bounds)
        codes[excess & ((codes == 0) | (codes > Rule.MAX_SEGMENT_SIZE))] = Rule.MAX_SEGMENT_SIZE
        codes[order >= walked[mine][request]] = 0
        totals = before[bounds[1:]] - before[bounds[:-1]]
        result[mine[~torn[mine] & (totals != headers["total_length"][mine])]] = Status.LENGTH_MISMATCH
        wrong = np.flatnonzero(codes)
        owners, first = np.unique(request[wrong], return_index=True)
        result[mine[owners]] = RULE_BASE + codes[wrong[first]]
        where[mine[owners]] = order[wrong[first]]
    return result, where


def _card(headers: Slots) -> U64:
    return headers["card_address_lo"].astype(np.uint64) | headers["card_address_hi"].astype(np.uint64) << np.uint64(32)


def _lengths(fields: npt.NDArray[np.uint32], rules: RuleSet) -> tuple[U64, npt.NDArray[np.bool_]]:
    """Byte lengths as the hardware computes them, and where the field holds more than the encoding's bits."""
    raw = fields.astype(np.uint64)
    excess = raw >> np.uint64(rules.length_bits) != 0
    if rules.length_encoding == "zero_is_max":
        return np.where(raw == 0, np.uint64(1 << rules.length_bits), raw), excess
    if rules.length_encoding == "minus_one":
        return raw + np.uint64(1), excess
    return raw, excess


def _assemble(
    headers: Slots, segment_addresses: U64, segment_lengths: U64, starts: I64, walked: I64,
    whole: npt.NDArray[np.bool_], status: npt.NDArray[np.uint8], segment: npt.NDArray[np.uint16],
) -> list[Request]:  # fmt: skip
    requests: list[Request] = []
    count = len(headers)
    if count and (not len(starts) or starts[0] > 0):
        requests.append(_stray(headers, 0, int(starts[0]) if len(starts) else count))
    addresses, lengths = segment_addresses.tolist(), segment_lengths.tolist()
    ends = starts + 1 + walked
    nexts = np.append(starts[1:], count)[: len(starts)]
    chosen = headers[starts]
    columns = (starts, ends, nexts, chosen["tag"], chosen["kind_opcode"] & 0xF, chosen["flags"] & 3, _card(chosen),
               chosen["total_length"], status, segment, whole)  # fmt: skip
    for start, end, following, tag, opcode, port, card, total, verdict, where, complete in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        stray = complete and end < following
        runs = verdict == Status.OK
        requests.append(Request(
            tag, opcode, port, card, total, end - start, 0 if stray else following - end, verdict, where,
            addresses[start + 1 : end] if runs else [], lengths[start + 1 : end] if runs else [],
        ))  # fmt: skip
        if stray:
            requests.append(_stray(headers, end, following))
    return requests


def _stray(headers: Slots, start: int, following: int) -> Request:
    """A slot where a request should start and which is no header."""
    tag, opcode = int(headers["tag"][start]), int(headers["kind_opcode"][start]) & 0xF
    return Request(tag, opcode, 0, 0, 0, 1, following - start - 1, Status.BAD_HEADER, NO_SEGMENT, [], [])
