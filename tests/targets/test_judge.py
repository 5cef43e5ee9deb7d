"""The model's vectorised checker against the text of docs/device.md, read slot by slot."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sgdma.rules import Direction, RuleSet, check_request, load
from sgdma.spec.layout import HEADER, SEGMENT
from sgdma.spec.status import NO_SEGMENT, RULE_BASE, Status
from sgdma.targets.model.checker import judge

RULES = load("peculiar")
LOOSE = {"total_align": 1, "max_request_size": (1 << 32) - 1}
# The header's rules are judged by the header's own words, not by the sum of the segments.
SEGMENT_RULES = dataclasses.replace(
    RULES, h2c=dataclasses.replace(RULES.h2c, **LOOSE), c2h=dataclasses.replace(RULES.c2h, **LOOSE)
)


def one_by_one(slots: np.ndarray, rules: RuleSet) -> list[tuple[int, int, int, int]]:
    """(tag, status, segment, slots consumed) of every request, as the steps in the document say."""
    headers, segments = slots.view(HEADER)[:, 0], slots.view(SEGMENT)[:, 0]
    found, place, count = [], 0, len(slots)
    while place < count:
        header, start = headers[place], place
        status, where = header_status(header, rules), NO_SEGMENT
        place += 1
        skipping = status != Status.OK
        if status == Status.OK:
            rows = []
            for k in range(int(header["segment_count"])):
                kind = segments[place]["kind_index"] if place < count else 0
                if kind != (5 << 12 | k) or segments[place]["tag"] != header["tag"]:
                    status, where, skipping = Status.TORN_LIST, k, True
                    break
                rows.append(segments[place])
                place += 1
            status, where = list_status(header, rows, int(status), where, rules)
        found.append((int(header["tag"]), int(status), where, place - start))
        while skipping and place < count and headers[place]["kind_opcode"] >> 4 != 0xA:
            place += 1
    return found


def header_status(header: np.void, rules: RuleSet) -> int:
    opcode = int(header["kind_opcode"])
    if opcode not in (0xA1, 0xA2) or header["flags"] > 2:
        return Status.BAD_HEADER
    side = rules.direction(Direction(opcode & 0xF))
    total = int(header["total_length"])
    if not 0 < header["segment_count"] <= side.max_segments:
        return RULE_BASE + 13
    if total % side.total_align:
        return RULE_BASE + 14
    return RULE_BASE + 15 if not 0 < total <= side.max_request_size else Status.OK


def list_status(header: np.void, rows: list[np.void], status: int, where: int, rules: RuleSet) -> tuple[int, int]:
    way, card = Direction(int(header["kind_opcode"]) & 0xF), int(header["card_address_lo"])
    missing = int(header["segment_count"]) - len(rows)
    lengths = [int(rules.decode_length(int(row["length"]))) for row in rows]
    addresses = [int(row["address"]) for row in rows]
    # What is missing is filled up with segments that are wrong by themselves; a first violation before them counts.
    check = check_request(SEGMENT_RULES, way, addresses + [3] * min(missing, 1), lengths + [64] * min(missing, 1), card)
    if check is not None and check.segment_index < len(rows):
        return RULE_BASE + check.rule, check.segment_index
    if missing:
        return status, where
    good = sum(lengths) == int(header["total_length"])
    return (Status.OK, NO_SEGMENT) if good else (Status.LENGTH_MISMATCH, NO_SEGMENT)


@st.composite
def rings(draw: st.DrawFn) -> np.ndarray:
    """Mostly sound requests, with slots spoiled, dropped and repeated."""
    slots: list[np.ndarray] = []
    for tag in range(draw(st.integers(1, 5))):
        way, count = draw(st.sampled_from([1, 2])), draw(st.integers(1, 4))
        lengths = [draw(st.sampled_from([16, 64, 160, 16, 64, 24])) for _ in range(count)]
        header = np.zeros(1, HEADER)
        header["segment_count"], header["total_length"], header["tag"] = count, sum(lengths), tag
        header["kind_opcode"] = 0xA0 | way
        slots.append(header.view(np.uint8))
        for index, length in enumerate(lengths):
            segment = np.zeros(1, SEGMENT)
            segment["address"], segment["length"] = draw(st.sampled_from([0x1008, 0x2018, 0x3008, 0x3004])), length
            segment["tag"], segment["kind_index"] = tag, 5 << 12 | index
            slots.append(segment.view(np.uint8))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(slots) - 1))
        if draw(st.booleans()):
            slots[place][draw(st.integers(0, 15))] ^= 1 << draw(st.integers(0, 7))
        elif len(slots) > 1:
            del slots[place]
    return np.stack(slots)


@settings(max_examples=400, deadline=None)
@given(rings())
def test_every_slot_is_judged_as_the_document_says(slots: np.ndarray) -> None:
    requests = judge(slots, RULES)
    seen = [(request.tag, request.status, request.segment, request.consumed) for request in requests]
    expected = one_by_one(slots, RULES)
    # Lengths beyond the field's bits, which the document's decoder drops, are told apart by the hardware.
    excess = (slots.view(SEGMENT)[:, 0]["length"] >> RULES.length_bits).any()
    if not excess:
        assert seen == expected
    assert sum(request.consumed + request.skip for request in requests) == len(slots)
