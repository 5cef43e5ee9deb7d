"""Frames, their parser, and what of them a UARTBone makes."""

from __future__ import annotations

import random

import google_crc32c
import pytest

from sgdma.link.boards import BoneBoard, Memory
from sgdma.link.checksums import combined
from sgdma.link.frames import Frame, Parser, answer_body_bytes, encode, hello
from sgdma.spec.link import ANSWER, Kind

READ = Frame(Kind.READ | ANSWER, 1, 2, 2, 64, bytes(range(12)))


class Watched(Memory):
    """Counts every access, allowed or not."""

    accesses = 0

    def _place(self, address: int, count: int) -> slice:
        self.accesses += 1
        return super()._place(address, count)


@pytest.mark.parametrize("before", range(6))
def test_no_hello_is_a_command_of_uartbone_wherever_its_parser_stands(before: int) -> None:
    chance = random.Random(before)
    for _ in range(50):
        memory = Watched(16)
        board = BoneBoard(memory)
        board.feed(bytes(before), 0.0)
        _, data = hello(chance)
        assert len(data) % 6 == 0
        assert board.feed(data + bytes(12), 0.0) == b""
        assert memory.accesses == 0


def test_frames_are_found_among_noise_and_damage() -> None:
    """Noise with frame starts in it, a frame with a flipped bit, one that lacks a byte: every whole one is found."""
    chance, data, parser = random.Random(1), bytearray(), Parser(answer_body_bytes)
    whole = encode(READ)
    for _ in range(20):
        data += bytes(chance.choice((0xA5, 0, 255)) for _ in range(chance.randrange(40)))
        place = chance.randrange(len(whole))
        data += whole[:place] + bytes((whole[place] ^ 1 << chance.randrange(8),)) + whole[place + 1 :]
        data += whole[:place] + whole[place + 1 :]
        data += whole
    found: list[Frame] = []
    while data:
        size = chance.randint(1, 30)
        found += parser.feed(bytes(data[:size]))
        del data[:size]
    found += parser.give_up()
    assert found == [READ] * 20
    assert parser.errors >= 20


@pytest.mark.parametrize("seen", [14, 20])
def test_a_frame_given_up_is_taken_when_its_rest_comes_late(seen: int) -> None:
    """A slow bus behind the board: the header came, the words did not, all was asked for again; both answers come."""
    whole, parser = encode(READ), Parser(answer_body_bytes)
    assert list(parser.feed(whole[:seen])) == []
    assert list(parser.give_up()) == []
    assert list(parser.feed(whole[seen:-3])) == []
    assert list(parser.feed(whole[-3:] + whole)) == [READ, READ]
    assert parser.pending == 0


def test_a_frame_given_up_does_not_hide_the_next() -> None:
    """Its rest was lost: what comes is another frame, and then a third."""
    whole, parser = encode(READ), Parser(answer_body_bytes)
    assert list(parser.feed(whole[:-5])) == []
    assert list(parser.give_up()) == []
    found = [frame for byte in whole * 2 for frame in parser.feed(bytes((byte,)))]
    assert found == [READ, READ]


def test_words_behind_the_header_of_another_frame_are_refused() -> None:
    other = encode(Frame(Kind.READ | ANSWER, 1, 3, 2, 64, bytes(12)))
    parser = Parser(answer_body_bytes)
    assert list(parser.feed(encode(READ)[:14] + other[14:])) == []


def test_checksums_of_parts_make_the_checksum_of_the_whole() -> None:
    chance, total, whole = random.Random(2), 0, b""
    for size in (1, 4, 1000, 0, 37):
        part = chance.randbytes(size)
        total, whole = combined(total, google_crc32c.value(part), size), whole + part
        assert total == google_crc32c.value(whole)
