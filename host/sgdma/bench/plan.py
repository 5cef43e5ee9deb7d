"""How much faster the vectorised planner is than the loop that one would write first.

The loop here plans the common rule sets (alignment of addresses and lengths, sizes, a boundary) and checks its plan
before handing it out, as the vectorised planner does; a test proves that both give the same plan.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from sgdma.rules.files import load
from sgdma.rules.language import Direction, DirectionRules, RuleSet
from sgdma.rules.plan import BatchPlan, plan_batch

__all__ = ["COMMON", "LoopPlan", "hostile_pieces", "loop_plan", "run", "same_plan"]

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
LoopPlan = tuple[list[tuple[int, int, bool]], list[tuple[int, int, int, int]]]
"""Segments (address or bounce offset, length, bounced) and copies (piece, address, bounce offset, length)."""

COMMON = ("unrestricted", "aligned64", "axi-dma", "xdma-stream", "ahci-prdt", "xhci")


def run(pieces: int = 1_000_000, per_request: int = 100, repeats: int = 5) -> list[dict[str, Any]]:
    """Time both planners on the same pieces; one row a rule set, times in seconds, ratio = loop / ours.

    Times are the thread's own, so that others on the machine count for neither side by the time they take from it. Ours
    is the best of `repeats` before the loop, which takes seconds, and as many behind it.
    """
    rows = []
    for name in COMMON:
        rules = load(name)
        addresses, lengths, offsets = hostile_pieces(rules, pieces, per_request, seed=1)
        arguments = addresses, lengths, offsets, rules, Direction.H2C
        before = _best(lambda a=arguments: plan_batch(*a), repeats)
        listed = [list(zip(a.tolist(), n.tolist(), strict=True)) for a, n in _split(addresses, lengths, offsets)]
        loop = _timed(lambda r=rules, rs=listed: [loop_plan(p, r, Direction.H2C) for p in rs])
        ours = min(before, _best(lambda a=arguments: plan_batch(*a), repeats))
        rows.append({"rules": name, "pieces": pieces, "ours_s": ours, "loop_s": loop, "ratio": loop / ours})
    return rows


def hostile_pieces(rules: RuleSet, pieces: int, per_request: int, seed: int) -> tuple[U64, U64, I64]:
    """(addresses, lengths, offsets) of requests as an application makes them: most pieces aligned, some awkward."""
    random = np.random.default_rng(seed)
    requests = -(-pieces // per_request)
    align = max(rules.h2c.length_align, rules.h2c.address_align)
    lengths = random.integers(1, 8192 // align, (requests, per_request)).astype(np.uint64) * np.uint64(align)
    addresses = random.integers(0, 1 << 20, (requests, per_request)).astype(np.uint64) * np.uint64(4096)
    awkward = random.random((requests, per_request)) < 0.1
    addresses += np.where(awkward, random.integers(0, 4096, (requests, per_request)), 0).astype(np.uint64)
    size = lengths.reshape(-1)[:pieces]
    offsets = np.minimum(np.arange(requests + 1) * per_request, pieces)
    return addresses.reshape(-1)[:pieces], size, offsets


def loop_plan(pieces: list[tuple[int, int]], rules: RuleSet, direction: Direction) -> LoopPlan:
    """The planner as a loop over pieces, for rule sets without skew, residue, gap, end or last-segment rules."""
    side = rules.direction(direction)
    total = sum(length for _, length in pieces)
    step, grain = side.length_align, max(side.length_align, side.address_align)
    boundary, position, pending = side.segment_boundary, 0, 0
    chosen: list[tuple[int, int, bool]] = []  # (stream start, length, bounced)
    memory: dict[int, int] = {}
    for address, length in _joined(pieces, boundary):
        low = position + -address % side.address_align
        if (low - position + address) % side.address_align == 0 and low % step:
            low = next((p for p in range(low, low + grain, side.address_align) if p % step == 0), position + length)
        end = position + length
        high = end if end == total else end - end % step
        if high > low:
            if low > pending:
                chosen += _pieces_of(pending, low, side.max_segment_size, boundary, step, bounced=True)
            cuts = _pieces_of(low, high, side.max_segment_size, 0, grain, bounced=False)
            for start, _, _ in cuts:
                memory[start] = address + start - position
            chosen += cuts
            pending = high
        position = end
    if pending < total:
        chosen += _pieces_of(pending, total, side.max_segment_size, boundary, step, bounced=True)
    result = _placed(chosen, memory, pieces, max(side.address_align, 1))
    _loop_check(result[0], rules, side)
    return result


def same_plan(ours: BatchPlan, request: int, loop: LoopPlan) -> bool:
    """Whether the batch's plan of one request is the loop's, segment for segment and copy for copy."""
    mine = slice(*ours.offsets[request : request + 2])
    copied = slice(*ours.copy_offsets[request : request + 2])
    segments = zip(ours.addresses[mine].tolist(), ours.lengths[mine].tolist(), ours.bounced[mine].tolist(), strict=True)
    parts = (ours.copy_address, ours.copy_offset, ours.copy_length)
    return list(segments) == loop[0] and list(zip(*(part[copied].tolist() for part in parts), strict=True)) == [
        copy[1:] for copy in loop[1]
    ]


def _loop_check(segments: list[tuple[int, int, bool]], rules: RuleSet, side: DirectionRules) -> None:
    """Every rule of the language, on every segment, as the hardware checks it."""
    total = 0
    for index, (address, length, _) in enumerate(segments):
        first, last, end = index == 0, index == len(segments) - 1, address + length
        boundary = side.segment_boundary
        if (
            address % side.address_align
            or address % side.skew_modulus != side.skew_residue
            or (address - total) % side.residue_match
            or length % (side.tail_align if last else side.length_align)
            or not side.min_segment_size <= length <= side.max_segment_size
            or (last and side.max_last_segment and length > side.max_last_segment)
            or (not first and address % side.gap_boundary)
            or (not last and end % side.gap_boundary)
            or (boundary and address // boundary != (end - 1) // boundary)
            or (end - 1) % side.end_modulus in side.end_forbidden
            or end > 1 << rules.address_bits
        ):
            raise AssertionError(f"the loop planned segment {index} at {address:#x}, {length} bytes, against the rules")
        total += length
    if not 0 < len(segments) <= side.max_segments or total % side.total_align or total > side.max_request_size:
        raise AssertionError(f"the loop planned {len(segments)} segments of {total} bytes against the rules")


def _joined(pieces: list[tuple[int, int]], boundary: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for address, length in pieces:
        if length and joined and sum(joined[-1]) == address:
            joined[-1] = (joined[-1][0], joined[-1][1] + length)
        elif length:
            joined.append((address, length))
    if not boundary:
        return joined
    cut = []
    for address, length in joined:
        while length:
            part = min(length, boundary - address % boundary)
            cut.append((address, part))
            address, length = address + part, length - part
    return cut


def _pieces_of(
    low: int, high: int, longest: int, boundary: int, step: int, bounced: bool
) -> list[tuple[int, int, bool]]:
    longest = min(longest, boundary) if boundary else longest
    parts = []
    while high - low > longest:
        end = low + longest
        end -= end % step if bounced else longest % step
        parts.append((low, end - low, bounced))
        low = end
    parts.append((low, high - low, bounced))
    return parts


def _placed(
    chosen: list[tuple[int, int, bool]], memory: dict[int, int], pieces: list[tuple[int, int]], align: int
) -> LoopPlan:
    """Give bounced segments their offsets and list the copies; pieces and segments advance together."""
    segments, copied, top, piece, start = [], [], 0, 0, 0
    for position, length, bounced in chosen:
        if not bounced:
            segments.append((memory[position], length, False))
            continue
        segments.append((top, length, True))
        done = position
        while done < position + length:
            while start + pieces[piece][1] <= done:
                start += pieces[piece][1]
                piece += 1
            part = min(position + length, start + pieces[piece][1]) - done
            copied.append((piece, pieces[piece][0] + done - start, top + done - position, part))
            done += part
        top += -(-length // align) * align
    return segments, copied


def _split(addresses: U64, lengths: U64, offsets: I64) -> list[tuple[U64, U64]]:
    inner = offsets[1:-1]
    return list(zip(np.split(addresses, inner), np.split(lengths, inner), strict=True))


def _best(work: Any, repeats: int) -> float:
    return min(_timed(work) for _ in range(repeats))


def _timed(work: Any) -> float:
    begin = time.thread_time()
    work()
    return time.thread_time() - begin
