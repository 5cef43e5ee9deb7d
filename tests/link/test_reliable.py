"""The reliable link, host against model of the board: no fault on the line is ever seen in the data."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import numpy as np
import pytest

from sgdma.errors import BoardReset, BusError, LinkError
from sgdma.link import open_link
from sgdma.link.boards import Memory, ReliableBoard
from sgdma.link.faults import KINDS, Faults
from sgdma.link.line import Line

from .storm import WORDS, Storm

BAUD = 3_000_000


def seed() -> str:
    return os.environ.get("SGDMA_SEED") or str(random.SystemRandom().getrandbits(32))


def fast_board(memory: Memory) -> ReliableBoard:
    """One whose rate at reset is the fastest, so that sessions begin at once."""
    return ReliableBoard(memory, base=BAUD)


def storm(number: int, spacing: float, latency: float = 0.001) -> Counter[str]:
    """`number` faults of all kinds, half of them each way; how operations ended, beside what happened to bytes."""
    memory, chance = Memory(WORDS), seed()
    down = Faults(f"{chance}-down", spacing, most=number // 2)
    up = Faults(f"{chance}-up", spacing, most=number - number // 2)
    print(f"SGDMA_SEED={chance} repeats this storm")
    with Line(fast_board(memory), latency, down=down, up=up) as line, open_link(line.port, BAUD, 2.0) as link:
        work = Storm(link, chance, 2.0, memory)
        work.run(lambda: not down.left and not up.left)
        work.settle()
        quality = link.quality()
    happened = down.counts + up.counts
    print(dict(happened), dict(work.outcomes), quality, f"slowest {work.slowest:.2f} s")
    assert sum(happened.values()) == number
    assert set(happened) == set(KINDS)
    assert quality.retransmissions > number / 4, "the faults have hit nothing"
    return work.outcomes


def test_hundreds_of_faults_are_never_seen() -> None:
    outcomes = storm(300, 3000)
    assert sum(count for kind, count in outcomes.items() if "Error" in kind) <= 3


@pytest.mark.deep
@pytest.mark.parametrize(("spacing", "latency"), [(1500, 0.001), (6000, 0.001), (6000, 0.016)])
def test_ten_thousand_faults_are_never_seen(spacing: int, latency: float) -> None:
    """Together: of all kinds, dense and rare, short and long way."""
    storm(3400, spacing, latency)


def test_a_bus_error_names_the_address_and_the_session_goes_on() -> None:
    with Line(fast_board(Memory(WORDS))) as line, open_link(line.port, BAUD, 1.0) as link:
        with pytest.raises(BusError, match=f"reading at {4 * WORDS:#x}"):
            link.read(4 * WORDS - 8, 4)
        link.write(4 * WORDS - 4, [1, 2])
        with pytest.raises(BusError, match=f"writing at {4 * WORDS:#x}") as caught:
            link.flush()
        assert (caught.value.address, caught.value.write) == (4 * WORDS, True)
        link.write(0, [3])
        link.flush()
        assert link.read(0, 1) == [3]


def test_a_reset_of_the_board_is_told_and_not_papered_over() -> None:
    with Line(fast_board(Memory(WORDS))) as line, open_link(line.port, BAUD, 1.0) as link:
        link.write(0, [1])
        link.flush()
        line.call("reset")
        for _ in range(2):
            with pytest.raises(BoardReset, match=r"reset in mid-session.*open the target anew"):
                link.read(0, 1)
        link.close()
        with open_link(line.port, BAUD, 1.0) as again:
            assert again.read(0, 1) == [1]


def test_a_cable_that_comes_back_in_time_costs_nothing() -> None:
    memory = Memory(WORDS)
    with Line(fast_board(memory)) as line, open_link(line.port, BAUD, 3.0) as link:
        for value in range(3):
            link.write(0, np.full(WORDS, value, np.uint32))
            line.call("unplug")
            time.sleep(0.2)
            line.call("plug")
            assert link.read(0, WORDS).tolist() == [value] * WORDS
        assert set(memory.writes.tolist()) == {3}
        assert link.quality().resynchronisations >= 3


def test_a_cable_that_stays_away_is_a_link_error_within_the_limit() -> None:
    with Line(fast_board(Memory(WORDS))) as line, open_link(line.port, BAUD, 0.5) as link:
        line.call("unplug")
        begin = time.monotonic()
        with pytest.raises(LinkError):
            link.read(0, 1)
        assert time.monotonic() - begin < 2


def test_the_fastest_rate_that_the_cable_holds_is_taken() -> None:
    with Line(ReliableBoard(Memory(WORDS)), limit=1_200_000) as line, open_link(line.port, None, 2.0) as link:
        assert link.quality().baud == 1_000_000
        link.write(0, range(1000))
        assert link.read(0, 1000).tolist() == list(range(1000))


def test_a_board_left_at_a_high_rate_is_found() -> None:
    with Line(ReliableBoard(Memory(WORDS))) as line:
        open_link(line.port, None, 2.0).close()
        with open_link(line.port, None, 2.0) as link:
            assert link.quality().baud == BAUD
            link.write(0, [5])
            assert link.read(0, 1) == [5]


def test_a_rate_that_turns_bad_is_left_for_a_lower_one() -> None:
    with Line(ReliableBoard(Memory(WORDS))) as line, open_link(line.port, None, 3.0) as link:
        assert link.quality().baud == BAUD
        line.limit = 2_500_000
        for value in range(30):
            link.write(4 * value, np.full(2000, value, np.uint32))
            link.flush()
        assert link.quality().baud == 2_000_000
        assert link.read(0, 31).tolist() == [*range(30), 29]


def test_memory_is_summed_without_being_moved() -> None:
    import google_crc32c

    words = 1 << 16
    memory = Memory(words)
    memory.words[:] = np.random.default_rng(1).integers(0, 2**32, words, np.uint32)
    with Line(fast_board(memory)) as line, open_link(line.port, BAUD, 1.0) as link:
        assert link.checksum(0, words) == google_crc32c.value(memory.words.astype("<u4").tobytes())
        assert line.up.moved < 300


def test_one_register_costs_one_turn_around() -> None:
    latency = 0.016
    with Line(fast_board(Memory(WORDS)), latency) as line, open_link(line.port, BAUD, 1.0) as link:
        times = []
        for _ in range(10):
            begin = time.monotonic()
            link.read(0, 1)
            times.append(time.monotonic() - begin)
    assert latency < sorted(times)[5] < 1.5 * latency
