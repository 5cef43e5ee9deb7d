"""A scenario for any rule set: legal requests both ways and some that break a rule, for a board's CPU to repeat."""

from __future__ import annotations

import dataclasses

import numpy as np

from sgdma.engine.programme import DEPTH, Fill, Request, Scenario, Verify
from sgdma.rules import Direction, RuleSet
from sgdma.spec.status import Port, status_of_rule
from sgdma.suite.damage import SEGMENT_RULES, damage
from sgdma.suite.legal import Composer, Legal

__all__ = ["soak"]

BASE = 1 << 20
"""Where the composer believes memory to be: scenarios are relative to it."""


def soak(
    rules: RuleSet, queues: int, rng: np.random.Generator, *, requests: int, memory: int, card: int, depth: int = DEPTH
) -> Scenario:
    """At least `requests` requests over `queues` queue pairs in `memory` bytes; `card`: bytes of card memory.

    Memory is filled first. One round: writes to the card, a wait, reads of what they wrote, with illegal ones between.
    """
    half = memory // 2
    composers = {
        way: Composer(rules, way, BASE + index * half, half - 4096, rng) for index, way in enumerate(Direction)
    }
    written = [_legal(composers[Direction.H2C], rng, card) for _ in range(24)]
    read = [_legal(composers[Direction.C2H], rng, card) for _ in range(24)]
    end = max(address + length for made in written for address, length in made.segments)
    mark = Fill(memory - 4096, 256, int(rng.integers(1 << 32)))
    operations: list[Request | Fill] = [Fill(0, end - BASE & -4, int(rng.integers(1 << 32))), mark]
    for group in (written, read):
        for place, made in enumerate(group):
            operations.append(_request(made, place % queues))
            if place % 6 == 5:
                operations += _illegal(rules, made, place % queues, rng, memory)
        operations.append(Verify(mark.offset, mark.length, mark.seed))
    a_round = sum(isinstance(operation, Request) for operation in operations)
    return Scenario(operations, memory, rounds=-(-requests // a_round), depth=depth)


def _legal(composer: Composer, rng: np.random.Generator, card: int) -> Legal:
    most, length = int(rng.integers(1, 9)), int(rng.integers(16, 513))
    return composer.request(most, length, int(rng.integers(card // 8192)) * 4096)


def _request(made: Legal, queue: int) -> Request:
    segments = tuple((address - BASE, length) for address, length in made.segments)
    port = Port.MEMORY if made.direction is Direction.H2C else Port.PATTERN
    return Request(made.direction, segments, made.card, port, queue)


def _illegal(rules: RuleSet, made: Legal, queue: int, rng: np.random.Generator, memory: int) -> list[Request]:
    """The same request with one rule broken at one segment, if there is a way to do so within memory."""
    index = int(rng.integers(len(made.segments)))
    for rule in rng.permutation(np.array(SEGMENT_RULES)).tolist():
        bad = damage(rules, made, SEGMENT_RULES[SEGMENT_RULES.index(rule)], index)
        if bad and all(BASE <= address < BASE + memory - length for address, length in bad.segments):
            request = dataclasses.replace(_request(made, queue), status=status_of_rule(bad.rule), segment=bad.index)
            segments = tuple((address - BASE, length) for address, length in bad.segments)
            return [dataclasses.replace(request, segments=segments, total=bad.total)]
    return []
