"""What callers may ask for: numbers out of range are told with their limit, and leave the device as it was."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import sgdma
from sgdma.engine.device import Dma, open_dma
from sgdma.errors import PieceError, RequestError, RulesMismatch

from .conftest import Opener


@pytest.mark.parametrize("timeout", [100.0, "100", -1])
def test_a_timeout_is_a_whole_number_of_cycles(dma: Dma, timeout: object) -> None:
    transfer = dma.write(bytes(65536))
    for wait in (transfer.result, transfer.wait, transfer.batch.result, dma.wait_all, dma.queue(0).abort):
        with pytest.raises(RequestError, match=r"timeout = .*: must be .*0 or more"):
            wait(timeout)  # type: ignore[arg-type]
    dma.reset()
    dma.write(bytes(64)).result(timeout=np.int64(100_000))  # type: ignore[arg-type]


def test_direction_and_port_go_by_name_as_well_and_unknown_ones_are_refused(dma: Dma) -> None:
    assert dma.submit("h2c", bytes(64), port="pattern").result().ok  # type: ignore[arg-type]
    for call in (lambda **more: dma.submit("c2h", np.zeros(64, np.uint8), **more),  # type: ignore[arg-type]
                 lambda **more: dma.write_batch([dma.buffer(64).iova], [64], **more)):
        with pytest.raises(RequestError, match=r"port = 7: must be one of Port\.LOOPBACK \(0\), "):
            call(port=7)
    with pytest.raises(RequestError, match=r"direction = 'h2x': must be one of Direction\.H2C \(1\), "):
        dma.submit("h2x", bytes(64))  # type: ignore[arg-type]
    assert not dma.pending


def test_a_target_sleeps_whole_cycles_only(dma: Dma) -> None:
    for wait in (dma.target.sleep, lambda cycles: dma.target.wait_interrupt(0, cycles)):
        with pytest.raises(TypeError):
            wait(100.0)  # type: ignore[arg-type]
    assert dma.write(bytes(64)).result().ok


@pytest.mark.parametrize("wrong", [
    {"size": -1}, {"size": 64.0}, {"guard": -1}, {"guard": 1.5}, {"align": 3}, {"align": 0}, {"boundary": 3},
    {"boundary": 32}, {"boundary": -64}, {"boundary": 64, "guard": 1}, {"residue": 0.5},
])  # fmt: skip
def test_a_buffer_that_can_not_be_is_refused(dma: Dma, wrong: dict[str, object]) -> None:
    used = dma.arena.buffers.used
    with pytest.raises(RequestError, match=f"{next(iter(wrong))} = "):
        dma.buffer(**({"size": 64} | wrong))  # type: ignore[arg-type]
    assert dma.arena.buffers.used == used
    assert dma.buffer(64, boundary=64, residue=-8).size == 64


def test_a_freed_buffer_is_no_piece(dma: Dma) -> None:
    buffer = dma.buffer(64)
    part = buffer[8:40][8:16]
    dma.read([buffer, part]).result()
    dma.free(buffer)
    for piece in (buffer, part):
        with pytest.raises(RequestError, match="was freed"):
            dma.read(piece)


@pytest.mark.parametrize(("wrong", "limit"), [
    ({"contexts": 0}, r"1\.\.65536"), ({"contexts": -1}, r"1\.\.65536"), ({"contexts": 70000}, r"1\.\.65536"),
    ({"moderation": (300, 0)}, r"0\.\.255"), ({"moderation": (0, 1 << 16)}, r"0\.\.65535"),
    ({"sq_log2": 0}, r"2\.\.19"), ({"sq_log2": 20}, r"2\.\.19"), ({"cq_log2": 0}, r"1\.\.15"),
    ({"cq_log2": 3.0}, r"1\.\.15"), ({"arena": -1}, "4096 or more"),
])  # fmt: skip
def test_a_device_is_opened_within_its_limits(opened: Opener, wrong: dict[str, object], limit: str) -> None:
    with pytest.raises(RequestError, match=f"{next(iter(wrong))}.*{limit}"):
        opened("model:", **wrong)


def test_rules_may_be_named(opened: Opener) -> None:
    assert opened("model:", rules="peculiar").rules.name == "peculiar"
    with pytest.raises(RulesMismatch):
        opened("model:", rules="nvme-prp")


def test_bytes_of_every_kind_are_pieces(dma: Dma) -> None:
    data, back, tail = bytearray(range(64)), bytearray(64), np.zeros(64, np.uint8)
    dma.write([data, memoryview(bytes(data))]).result()
    dma.write(memoryview(data), card_address=128).result()
    dma.read([memoryview(back), tail]).result()
    assert back == data
    assert bytes(tail) == data
    dma.read(back, card_address=128).result()
    assert back == data


@pytest.mark.parametrize("piece", [
    "text", [None], [(1, 2, 3)], [5], memoryview(bytes(64)), memoryview(bytearray(64))[::2],
])  # fmt: skip
def test_what_is_no_piece_is_refused(dma: Dma, piece: object) -> None:
    with pytest.raises(RequestError, match=r"must be|read-only"):
        dma.read(piece)  # type: ignore[arg-type]


@pytest.mark.parametrize("card", [-1, 1 << 48, 1.5])
def test_a_card_address_has_48_bits(dma: Dma, card: int) -> None:
    buffer = dma.buffer(64)
    with pytest.raises(RequestError, match=r"card_address = .*281474976710655"):
        dma.write(buffer, card_address=card)
    with pytest.raises(RequestError, match=r"card_addresses = .*0xffffffffffff"):
        dma.write_batch([buffer.iova], [64], card_addresses=[card])


def test_a_batch_has_one_length_an_address(dma: Dma) -> None:
    buffer = dma.buffer(64)
    for addresses, lengths in (([buffer.iova], [32, 32]), ([buffer.iova, buffer.iova], [64]), ([-1], [64])):
        with pytest.raises(PieceError):
            dma.write_batch(addresses, lengths)
    with pytest.raises(RequestError, match="one a request"):
        dma.write_batch([buffer.iova], [64], card_addresses=[0, 64])
    with pytest.raises(RequestError, match="outside DMA memory"):
        dma.write((buffer.iova, -1))


def test_open_has_the_signature_of_what_it_calls() -> None:
    assert inspect.signature(sgdma.open) == inspect.signature(open_dma)
