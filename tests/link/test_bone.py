"""Our side of LiteX's UARTBone on a line with faults: what can be noticed without checksums is noticed, and mended."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from sgdma.errors import LinkError
from sgdma.link import Link, open_link
from sgdma.link.boards import BoneBoard, Memory
from sgdma.link.faults import KINDS, Faults
from sgdma.link.line import Line

from .test_reliable import seed

WORDS, BAUD, KNOWN = 4096, 3_000_000, 0x5347444D


class Board(Memory):
    """Memory, and a register behind it that holds what it holds."""

    def write(self, address: int, words: npt.NDArray[np.uint32]) -> None:
        """A write gone astray may be one of the register."""
        super().write(address, words)
        self.words[WORDS] = KNOWN


@pytest.fixture
def memory() -> Memory:
    made = Board(WORDS + 1)
    made.words[WORDS] = KNOWN
    return made


@pytest.fixture
def line(memory: Memory) -> Iterator[Line]:
    with Line(BoneBoard(memory)) as made:
        yield made


def opened(line: Line, verify: bool = False, timeout: float = 3.0) -> Link:
    return open_link(line.port, BAUD, timeout, "auto", verify, (4 * WORDS, KNOWN))


def test_a_bone_is_told_from_the_reliable_link(line: Line, memory: Memory) -> None:
    with opened(line) as link:
        assert link.quality().kind == "bone"
        assert not memory.writes.any(), "asking has written"


def test_nothing_is_sent_while_the_board_answers(memory: Memory) -> None:
    """It would not be heard."""
    board = BoneBoard(memory, BAUD)
    with Line(board) as line, opened(line) as link:
        link.write(0, range(WORDS))
        assert link.read(0, WORDS).tolist() == list(range(WORDS))
        assert link.read(0, 1) == [0]
        assert link.quality().resynchronisations == board.unheard == 0


def storm(line: Line, memory: Memory, faults: int, verify: bool, kinds: tuple[str, ...]) -> None:
    """Reads on a line with faults; with `verify` writes as well. Nothing wrong is taken for right."""
    chance = seed()
    numbers = np.random.default_rng(int(chance))
    print(f"SGDMA_SEED={chance} repeats this storm")
    memory.words[:WORDS] = numbers.integers(0, 2**32, WORDS, np.uint32)
    down = Faults(f"{chance}-down", 4000, kinds, faults // 2 if verify else 0)
    up = Faults(f"{chance}-up", 4000, kinds, faults - down.left)
    with opened(line, verify) as link:
        line.down.faults, line.up.faults = down, up
        ends = {"good": 0, "LinkError": 0}
        while down.left or up.left:
            count = int(numbers.integers(1, 300))
            place = int(numbers.integers(0, WORDS - count))
            try:
                if verify:
                    words = numbers.integers(0, 2**32, count, np.uint32)
                    link.write(4 * place, words)
                    assert np.array_equal(memory.words[place : place + count], words)
                got = link.read(4 * place, count)
                assert np.array_equal(got, memory.words[place : place + count]), "wrong words were taken for right"
                ends["good"] += 1
            except LinkError:
                ends["LinkError"] += 1
        print(ends, down.counts + up.counts, link.quality())
        assert link.quality().resynchronisations > faults / 4, "the faults have hit nothing"
        assert ends["LinkError"] <= 0.05 * sum(ends.values())


def test_reads_notice_lost_and_inserted_bytes(line: Line, memory: Memory) -> None:
    storm(line, memory, 15, False, ("lose", "insert", "double"))


def test_with_verify_every_damage_is_noticed(line: Line, memory: Memory) -> None:
    storm(line, memory, 10, True, KINDS)


@pytest.mark.deep
def test_with_verify_every_one_of_many_damages_is_noticed(line: Line, memory: Memory) -> None:
    storm(line, memory, 1000, True, KINDS)


def test_a_silent_board_is_a_link_error_within_the_limit(line: Line) -> None:
    with opened(line, timeout=0.6) as link:
        line.down.faults = Faults(1, 0.001, ("lose",))
        begin = time.monotonic()
        with pytest.raises(LinkError, match=r"no answer within 0.6 s"):
            link.read(0, 1)
        assert time.monotonic() - begin < 2
