"""sgdma_rules against the host's check and a plain second reading of the rules: one segment a cycle."""

from __future__ import annotations

import os
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import rng, start
from sgdma.rules import Direction, load
from sgdma.rules.check import check_request

EDGES = (1, 2, 3, 4, 8, 12, 63, 64, 65, 164, 165, 512, 2048, 3000, 4095, 4096, 4097, 65535, 65536, 65537, 1 << 22)


def _segments(random: Any, rules: Any, count: int) -> tuple[list[int], list[int]]:
    most = min(rules.encodable[-1], (1 << 32) - 1)
    lengths = [min(max(random.choice(EDGES) + random.choice((0, 0, 0, 1, -1, 4)), 1), most) for _ in range(count)]
    if random.random() < 0.1:  # the longest: where the field is wide, together more than 32 bits hold
        lengths = [most] * count
    addresses = []
    for length in lengths:
        base = random.choice((0, 1 << 16, (1 << 32) - 4096, 1 << 33, (1 << rules.address_bits) - 2 * length))
        address = base + random.choice((0, 0, 4, 8, 64, 16, 2048, 4096, -length, random.randrange(8192)))
        addresses.append(min(max(0, address), (1 << 64) - 1))
    return addresses, lengths


@cocotb.test()
async def agrees_with_the_host(dut: Any) -> None:
    """The lowest broken rule of every segment, and whether the lengths so far are the total."""
    rules = load(os.environ["SGDMA_RULES"])
    random = rng(f"rules {rules.name}")
    await start(dut, in_valid=0)
    cases = []
    for _ in range(1500):
        addresses, lengths = _segments(random, rules, random.randint(1, 5))
        # The whole, what an early segment would do for, the whole less what a 32 bit sum forgets, or one off.
        total = random.choice((sum(lengths), lengths[0], sum(lengths) & 0xFFFFFFFF, sum(lengths) + 1)) & 0xFFFFFFFF
        cases.append((random.choice(list(Direction)), random.randrange(1 << 14), addresses, lengths, total))
    results = cocotb.start_soon(_collect(dut, sum(len(case[3]) for case in cases)))
    sounds: list[bool] = []
    for direction, card, addresses, lengths, total in cases:
        encoded = rules.encode_length(np.array(lengths, np.uint64))
        for index, address in enumerate(addresses):
            dut.in_valid.value = 1
            dut.in_c2h.value = int(direction is Direction.C2H)
            dut.in_first.value = int(index == 0)
            dut.in_last.value = int(index == len(addresses) - 1)
            dut.in_address.value = address
            dut.in_length.value = int(encoded[index])
            dut.in_card.value = card & 0xFFFF
            dut.in_total.value = total
            sounds.append(random.random() < 0.9)
            dut.in_sound.value = int(sounds[-1])
            await FallingEdge(dut.clk)
        dut.in_valid.value = 0
        if random.random() < 0.2:
            await FallingEdge(dut.clk)
    seen = await results
    seen_rules: set[int] = set()
    both: set[bool] = set()
    overflowed = False
    for direction, card, addresses, lengths, total in cases:
        violation = check_request(rules, direction, np.array(addresses, np.uint64), np.array(lengths, np.uint64), card)
        for index in range(len(addresses)):
            rule, mismatch, sound = seen.pop(0)
            expected = _segment_rule(rules, direction, card, addresses, lengths, index)
            assert rule == expected, (direction, card, addresses, lengths, index, rule, expected)
            assert mismatch == (sum(lengths[: index + 1]) != total)
            assert sound == (sounds.pop(0) and rule == 0)
            both.add(mismatch)
            overflowed |= mismatch and sum(lengths[: index + 1]) & 0xFFFFFFFF == total
            seen_rules.add(rule)
            if violation and violation.segment_index == index:
                assert rule == violation.rule, f"the host's check says {violation}"
    assert both == {False, True}
    assert overflowed == (rules.encodable[-1] >= 1 << 31), "sums that only look right were to be among them"
    assert 0 in seen_rules, "no segment was legal: the test would prove little"
    if rules.name == "peculiar":
        assert len(seen_rules) >= 6, f"only {seen_rules} were broken"


def _segment_rule(
    rules: Any, direction: Direction, card: int, addresses: list[int], lengths: list[int], index: int
) -> int:
    """Rules of one segment, written out once more and plainly: a second witness beside the vectorised check."""
    side, address, length = rules.direction(direction), addresses[index], lengths[index]
    first, last = index == 0, index == len(addresses) - 1
    end = address + length
    broken = [
        address % side.address_align,
        address % side.skew_modulus != side.skew_residue,
        (address - card - sum(lengths[:index])) % side.residue_match,
        not last and length % side.length_align,
        last and length % side.tail_align,
        length < side.min_segment_size,
        length > side.max_segment_size,
        last and side.max_last_segment and length > side.max_last_segment,
        (not first and address % side.gap_boundary) or (not last and end % side.gap_boundary),
        side.segment_boundary and address // side.segment_boundary != (end - 1) // side.segment_boundary,
        (end - 1) % side.end_modulus in side.end_forbidden,
        end > 1 << rules.address_bits,
    ]
    return next((number for number, bad in enumerate(broken, 1) if bad), 0)


async def _collect(dut: Any, count: int) -> list[tuple[int, bool, bool]]:
    seen: list[tuple[int, bool, bool]] = []
    while len(seen) < count:
        await RisingEdge(dut.clk)
        if dut.out_valid.value:
            seen.append((int(dut.out_rule.value), bool(dut.out_mismatch.value), bool(dut.out_sound.value)))
    return seen
