"""An independent planner for tiny requests: every cut at every byte, every bounce address, scalar rules."""

from __future__ import annotations

from functools import cache

from sgdma.rules import DirectionRules


def legal(side: DirectionRules, address: int, length: int, position: int, total: int, card: int, bits: int) -> bool:
    """Whether one segment obeys every segment rule, said in the plainest words."""
    first, last, end = position == 0, position + length == total, address + length
    return (
        address % side.address_align == 0
        and address % side.skew_modulus == side.skew_residue
        and (address - card - position) % side.residue_match == 0
        and length % (side.tail_align if last else side.length_align) == 0
        and side.min_segment_size <= length <= side.max_segment_size
        and (not last or not side.max_last_segment or length <= side.max_last_segment)
        and (first or address % side.gap_boundary == 0)
        and (last or end % side.gap_boundary == 0)
        and (not side.segment_boundary or address // side.segment_boundary == (end - 1) // side.segment_boundary)
        and (end - 1) % side.end_modulus not in side.end_forbidden
        and end <= 1 << bits
    )


def most_direct(pieces: list[tuple[int, int]], side: DirectionRules, card: int, bits: int) -> int | None:
    """Direct bytes of the best conforming plan, or None when there is none."""
    memory = [address + offset for address, length in pieces for offset in range(length)]
    total = len(memory)
    if not 0 < total <= side.max_request_size or total % side.total_align:
        return None
    around = max(side.address_align, side.skew_modulus, side.residue_match, side.gap_boundary, side.end_modulus,
                 side.segment_boundary)  # fmt: skip

    @cache
    def gain(start: int, end: int) -> int | None:
        length = end - start
        joined = memory[end - 1] - memory[start] == length - 1 and all(
            memory[i + 1] - memory[i] == 1 for i in range(start, end - 1)
        )
        if joined and legal(side, memory[start], length, start, total, card, bits):
            return length
        return 0 if any(legal(side, o, length, start, total, card, 64) for o in range(around)) else None

    best: dict[int, int] = {0: 0}
    answer: int | None = None
    for _ in range(side.max_segments):
        following: dict[int, int] = {}
        for start, value in best.items():
            for end in range(start + 1, min(total, start + side.max_segment_size) + 1):
                more = gain(start, end)
                if more is not None:
                    following[end] = max(following.get(end, -1), value + more)
        best = following
        if total in best:
            answer = max(-1 if answer is None else answer, best[total])
    return answer
