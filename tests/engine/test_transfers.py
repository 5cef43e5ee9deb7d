"""Requests from the caller's pieces to the card and back."""

from __future__ import annotations

import asyncio
import itertools

import google_crc32c
import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.explain import pending
from sgdma.engine.transfer import Transfer
from sgdma.errors import RequestError, TransferError, TransferTimeout, Unplannable
from sgdma.rules import Direction, names
from sgdma.spec.status import Port, Status

from .conftest import Opener

RULES = [name for name in names() if name != "xdma-mm"]


def noise(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def aligned(dma: Dma, size: int) -> int:
    step = max(dma.rules.h2c.total_align, dma.rules.c2h.total_align, dma.rules.c2h.tail_align, dma.rules.h2c.tail_align)
    most = min(dma.rules.h2c.max_request_size, dma.rules.c2h.max_request_size, dma.identity.data_width and 60000)
    return min(size, most) // step * step


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("port", [Port.MEMORY, Port.LOOPBACK])
def test_scattered_pieces_come_back_whole_under_every_rule_set(opened: Opener, rules: str, port: Port) -> None:
    dma = opened(f"model:?rules={rules}&data_width=256")
    size = aligned(dma, 10_000)
    data, random = noise(size), np.random.default_rng(7)
    source, sink = dma.buffer(3 * size, guard=64), dma.buffer(3 * size, guard=64)
    cuts = np.sort(random.choice(size, 5, replace=False)).tolist()
    there, back, place = [], [], 0
    for low, high in zip([0, *cuts], [*cuts, size], strict=True):
        place += int(random.integers(0, 100))
        there.append(source[place : place + high - low])
        there[-1].array[:] = data[low:high]
        back.append(sink[place : place + high - low])
        place += high - low
    sent, received = dma.write(there, port=port), dma.read(back, port=port)
    if port is Port.MEMORY:
        sent.result()
        received.result()
        received = dma.read(back, port=port)
    completion = received.result()
    assert np.array_equal(np.concatenate([piece.array for piece in back]), data)
    assert completion.bytes_moved == size
    assert completion.crc32c == sent.result().crc32c == google_crc32c.value(bytes(data))
    assert source.intact()
    assert sink.intact()
    assert not dma.faults


def test_foreign_memory_is_staged(dma: Dma) -> None:
    used = dma.arena.buffers.used
    out = np.zeros((10, 100), np.float32)
    dma.write(b"\x01\x02\x03\x04" * 1000, card_address=128).result()
    dma.read(out, card_address=128).result()
    assert out.tobytes() == b"\x01\x02\x03\x04" * 1000
    assert dma.arena.buffers.used == used


def test_a_slice_of_dma_memory_goes_directly(dma: Dma) -> None:
    buffer = dma.buffer(4096, align=4096)
    buffer.array[:] = noise(4096)
    transfer = dma.write(buffer.array[1024:2048])
    assert not transfer.batch.bounced.any()
    assert int(transfer.batch.addresses[0]) == buffer.iova + 1024
    transfer.result()


def test_what_cannot_be_asked_is_refused_and_costs_nothing(dma: Dma) -> None:
    free, used = dma.contexts.free, dma.arena.buffers.used
    with pytest.raises(Unplannable):
        dma.write(b"")
    with pytest.raises(RequestError, match="read into"):
        dma.read(b"bytes")
    with pytest.raises(RequestError, match="contiguous"):
        dma.write(np.zeros((8, 8), np.uint8)[:, ::2])
    with pytest.raises(RequestError, match=r"0\.\.3"):
        dma.write(b"1234", queue=4)
    with pytest.raises(RequestError, match="outside"):
        dma.write((16, 16))
    end = dma.arena.iova + len(dma.arena.array)
    for stray, length in ((16, 16), (end - 8, 16), ((1 << 64) - 8, 16)):
        with pytest.raises(RequestError, match=f"range {stray:#x} [+] {length}: outside"):
            dma.read_batch([dma.arena.iova, stray], [64, length])
    with pytest.raises(RequestError, match="card_address"):
        dma.write(b"1234", card_address=1 << 48)
    with pytest.raises(RequestError, match="arena"):
        dma.buffer(1 << 40)
    assert (dma.contexts.free, dma.arena.buffers.used, dma.pending) == (free, used, 0)


def test_256_requests_are_mapped_before_the_first_doorbell(dma: Dma) -> None:
    sink = dma.buffer(256 * 64, align=16, residue=8)
    with dma.batch():
        there = [dma.write(bytes([i]) * 64, card_address=64 * i, queue=i % 4) for i in range(256)]
        assert [queue.in_flight for queue in dma.queues] == [0] * 4
        assert dma.pending == 256
        assert len(dma.contexts.state) - dma.contexts.free == 256
    assert all(transfer.result().ok for transfer in there)
    prepared = [dma.prepare_read(sink[64 * i : 64 * i + 64], card_address=64 * i) for i in range(256)]
    dma.target.sleep(10_000)
    assert dma.poll() == 0
    dma.ring()
    dma.wait_all()
    assert all(transfer.done and transfer.error is None for transfer in prepared)
    assert np.array_equal(sink.array, np.repeat(np.arange(256, dtype=np.uint8), 64))


def test_a_batch_is_what_its_requests_are_one_by_one(opened: Opener) -> None:
    outcomes = []
    for together in (True, False):
        dma = opened("model:?rules=peculiar")
        source, sink = dma.buffer(200_000, align=4096), dma.buffer(200_000, align=4096)
        source.array[:] = noise(200_000)
        random = np.random.default_rng(3)
        lengths = random.integers(1, 64, 600) * 4
        offsets = np.arange(0, 601, 3)
        starts = np.cumsum(lengths + random.integers(0, 9, 600))
        cards = np.arange(200) * 256
        if together:
            dma.write_batch(source.iova + starts, lengths, offsets, card_addresses=cards).result()
            records = dma.read_batch(sink.iova + starts, lengths, offsets, card_addresses=cards).result()
            seen = [(int(r["status"]), int(r["bytes_moved"]), int(r["crc32c"])) for r in records]
        else:
            rows = [slice(low, high) for low, high in itertools.pairwise(offsets)]
            for base, call in ((source, dma.write), (sink, dma.read)):
                transfers = [
                    call([base[int(s) : int(s + n)] for s, n in zip(starts[row], lengths[row], strict=True)],
                         card_address=int(card))
                    for row, card in zip(rows, cards, strict=True)
                ]  # fmt: skip
                dma.wait_all()
            seen = [(t.result().status, t.result().bytes_moved, t.result().crc32c) for t in transfers]
        outcomes.append((seen, sink.array.copy()))
    assert outcomes[0][0] == outcomes[1][0]
    assert np.array_equal(outcomes[0][1], outcomes[1][1])


def test_a_batch_larger_than_everything_waits_in_order(opened: Opener) -> None:
    dma = opened("model:?rules=peculiar", contexts=50, sq_log2=6, cq_log2=3, arena=4 << 20)
    source = dma.buffer(64 * 3000 + 1, align=64)
    source.array[:] = noise(64 * 3000 + 1)
    # Odd addresses: every byte is bounced; each card place is written by several, the last one must win.
    starts = source.iova + 1 + 64 * np.arange(3000)
    batch = dma.write_batch(starts, np.full(3000, 64), card_addresses=64 * (np.arange(3000) % 100))
    after = dma.write(b"last" * 16, card_address=0)
    batch.result()
    after.result()
    out = dma.read(np.zeros(6400, np.uint8).view())
    sink = np.zeros(6400, np.uint8)
    dma.read(sink).result()
    out.result()
    assert bytes(sink[:64]) == b"last" * 16
    assert np.array_equal(sink[64:], source.array[1 + 64 * 2901 : 1 + 64 * 3000])
    assert dma.arena.bounce.used == 0


def test_callbacks_come_once_and_may_submit(dma: Dma) -> None:
    seen: list[int] = []

    def again(transfer: Transfer) -> None:
        seen.append(len(seen))
        if len(seen) < 20:
            dma.write(b"12345678", callback=again)

    first = dma.write(b"12345678", callback=again)
    dma.wait(lambda: len(seen) == 20)
    dma.wait_all()
    assert seen == list(range(20))
    first.add_done_callback(lambda _: seen.append(-1))
    assert seen[-1] == -1


def test_transfers_are_awaited_together(dma: Dma) -> None:
    async def main() -> list[int]:
        sinks = [np.zeros(4000, np.uint8) for _ in range(20)]
        writers = [dma.write(bytes([i]) * 4000, port=Port.LOOPBACK) for i in range(20)]
        readers = [dma.read(sink, port=Port.LOOPBACK) for sink in sinks]
        completions = await asyncio.gather(*map(ask, readers + writers))
        assert [int(sink[0]) for sink in sinks] == list(range(20))
        return [completion.bytes_moved for completion in completions]

    async def ask(transfer: Transfer):  # type: ignore[no-untyped-def]
        return await transfer

    assert asyncio.run(main()) == [4000] * 40


def test_a_request_that_hangs_times_out_and_stays_pending(dma: Dma) -> None:
    read = dma.read(np.zeros(64, np.uint8), port=Port.LOOPBACK)
    before = dma.now()
    with pytest.raises(TransferTimeout, match="1 pending") as caught:
        read.result(timeout=5000)
    told = f"request 0 of batch {read.batch.number} on queue 1: C2H, port LOOPBACK, 64 bytes, tag 0, QUEUED: not done"
    assert told in str(caught.value)
    assert "queue 1 is RUNNING with 1 in flight" in str(caught.value)
    assert 5000 <= dma.now() - before < 20_000
    assert not read.done
    dma.write(bytes(64), port=Port.LOOPBACK)
    assert read.result().ok


def test_what_is_pending_is_listed_with_its_slot_and_what_waits_without(opened: Opener) -> None:
    dma = opened(sq_log2=2)
    assert dma.write(bytes(32)).result().ok
    for _ in range(2):
        dma.read(np.zeros(32, np.uint8), port=Port.LOOPBACK, queue=0)
    late = dma.read_batch([dma.arena.iova] * 2, [32, 64], port=Port.PATTERN, queue=0)
    listed = [[one[name] for name in ("batch", "request", "port", "bytes", "tag", "slot", "state")]
              for one in pending(dma)]  # fmt: skip
    number = late.number
    assert listed == [
        [number - 2, 0, "LOOPBACK", 32, 1, 2, "QUEUED"], [number - 1, 0, "LOOPBACK", 32, 2, 4, "QUEUED"],
        [number, 0, "PATTERN", 32, None, None, "WAITING"], [number, 1, "PATTERN", 64, None, None, "WAITING"],
    ]  # fmt: skip
    assert [one["bytes"] for one in pending(dma, late, 1)] == [64]
    with pytest.raises(TransferTimeout, match=f"request 0 of batch {number} .*; request 1 of batch {number} .*WAITING"):
        late.result(1000)
    dma.reset()


def test_a_slow_host_is_no_time_out_as_long_as_requests_complete(dma: Dma) -> None:
    left = list(range(6))

    def slow(_: object = None) -> None:
        dma.target.sleep(dma.limit() // 2)  # three limits in all, half of one between two completions
        if left:
            left.pop()
            dma.write(bytes(64)).add_done_callback(slow)

    slow()
    dma.wait_all()
    assert not left
    dma.read(np.zeros(64, np.uint8), port=Port.LOOPBACK)
    before = dma.now()
    with pytest.raises(TransferTimeout, match="1 pending"):
        dma.wait_all()
    assert dma.now() - before < 2 * dma.limit()
    dma.reset()


def test_a_rule_violation_names_rule_and_segment_and_moves_nothing(dma: Dma) -> None:
    buffer = dma.buffer(4096, align=4096)
    bad = dma.submit_raw(Direction.H2C, [(buffer.iova, 64), (buffer.iova + 130, 64)])
    good = dma.write(buffer[:64])
    where = f"rule ADDRESS_ALIGN at segment 1: {buffer.iova + 130:#x} [+] 64 bytes, address_align 4; 0 bytes moved"
    with pytest.raises(TransferError, match=f"{where} before that; .* submit_raw does not") as caught:
        bad.result()
    assert (caught.value.segment_index, caught.value.bytes_moved) == (1, 0)
    assert good.result().ok


def test_a_failed_request_says_what_was_asked_and_of_which_limits(opened: Opener) -> None:
    dma = opened("model:?rules=tg3")
    side, buffer = dma.rules.h2c, dma.buffer(4096, align=4096)
    dma.target.faults.read_error(buffer.iova + 1024, 64)
    with pytest.raises(TransferError, match=rf"BUS_ERROR at segment 0: {buffer.iova + 1024:#x} [+] 64 bytes; .*fault"):
        dma.write(buffer[1024:1088]).result()
    parts = [(buffer.iova + 64 * part, 64) for part in range(side.max_segments + 1)]
    asked = f"MAX_SEGMENTS in a request of {len(parts)} segments, {64 * len(parts)} bytes"
    with pytest.raises(TransferError, match=f"{asked}, max_segments {side.max_segments}; 0 bytes"):
        dma.submit_raw(Direction.H2C, parts).result()


@pytest.mark.parametrize(
    ("change", "status", "segment"),
    [
        ({"opcode": 7}, "BAD_HEADER", None),
        ({"flags": 3}, "BAD_HEADER", None),
        ({"flags": 0x80}, "BAD_HEADER", None),
        ({"kind": 0x3}, "BAD_HEADER", None),
        ({"count": 0}, "rule MAX_SEGMENTS", None),
        ({"count": 301}, "rule MAX_SEGMENTS", None),
        ({"total": 0}, "rule MAX_REQUEST_SIZE", None),
        ({"total": 3_000_001}, "rule MAX_REQUEST_SIZE", None),
        ({"total": 127}, "LENGTH_MISMATCH", None),
        ({"count": 3}, "TORN_LIST", 2),
    ],
)
def test_a_wrong_header_spoils_its_own_request_only(
    dma: Dma, change: dict[str, int], status: str, segment: int | None
) -> None:
    buffer = dma.buffer(4096, align=4096)
    with dma.batch():
        before = dma.write(buffer[:64])
        bad = dma.submit_raw(Direction.H2C, [(buffer.iova, 64), (buffer.iova + 64, 64)], **change)
        after = dma.write(buffer[:64])
    completion = bad.wait()
    assert completion is not None
    assert (completion.status_name, completion.segment_index, completion.bytes_moved) == (status, segment, 0)
    assert before.result().ok
    assert after.result().ok
    assert not dma.faults


def test_bus_errors_name_the_first_segment_and_the_bytes_before(dma: Dma) -> None:
    buffer, out = dma.buffer(8192, align=4096), dma.buffer(8192, align=4096)
    buffer.array[:] = noise(8192)
    dma.target.faults.read_error(buffer.iova + 3000, 4)
    sent = dma.write([buffer[:2000], buffer[2004:4000], buffer[4004:6000]]).wait()
    assert sent is not None
    assert (sent.status, sent.segment_index, sent.bytes_moved, sent.crc32c) == (Status.BUS_ERROR, 1, 2560 - 4, 0)
    dma.target.faults.clear()
    dma.write(buffer[:6000]).result()
    out.array[:] = 0xEE
    dma.target.faults.unmap(out.iova + 4096, 4096)
    read = dma.read(out[8:6008]).wait()
    assert read is not None
    assert (read.status, read.bytes_moved) == (Status.BUS_ERROR, 4088)
    dma.target.faults.clear()
    assert np.array_equal(out.array[8:4096], buffer.array[:4088])
    assert (out.array[4096:6144] == 0xEE).all()


@pytest.mark.parametrize("field", ["fail_c2h", "short_c2h"])
def test_user_logic_at_fault_is_a_stream_error(dma: Dma, field: str) -> None:
    dma.fixture.write("control", **{field: 1})
    completion = dma.read(np.zeros(4096, np.uint8)).wait()
    assert (completion.status, completion.segment_index) == (Status.STREAM_ERROR, None)
    assert completion.bytes_moved == (4096 if field == "fail_c2h" else 0)
    dma.fixture.write("control", 0)
    assert dma.read(np.zeros(4096, np.uint8)).result().ok


@pytest.mark.parametrize("sizes", [(100, 164), (164, 100)])
def test_a_packet_of_the_wrong_length_is_a_stream_error_and_the_next_is_whole(dma: Dma, sizes: tuple[int, int]) -> None:
    sink = np.zeros(400, np.uint8)
    dma.write(noise(sizes[0]), port=Port.LOOPBACK)
    dma.write(b"abcd" * 100, port=Port.LOOPBACK)
    assert dma.read(np.zeros(sizes[1], np.uint8), port=Port.LOOPBACK).wait().status == Status.STREAM_ERROR
    assert dma.read(sink, port=Port.LOOPBACK).result().ok
    assert bytes(sink) == b"abcd" * 100


def test_the_pattern_port_checks_and_generates(dma: Dma) -> None:
    dma.fixture.write("seed", 0x1234)
    dma.fixture.write("command", reset=1)
    data = np.zeros(4000, np.uint8)
    dma.read(data, port=Port.PATTERN, card_address=64).result()
    dma.write(data, port=Port.PATTERN, card_address=64).result()
    data[1003] ^= 1
    dma.write(data, port=Port.PATTERN, card_address=64).result()
    dma.fixture.write("command", snapshot=1)
    seen = dma.fixture.snapshot()
    assert (seen["checked_beats"], seen["check_errors"], seen["first_error"]) == (1000, 1, 64 + 1000)
    assert seen["cycles"] > 0


def test_card_addresses_off_the_bus_width_are_refused_by_the_fixture(dma: Dma) -> None:
    dma.fixture.write("command", reset=1)
    read = dma.read(np.zeros(4000, np.uint8), card_address=4).wait()
    assert read is not None
    assert (read.status, read.bytes_moved) == (Status.STREAM_ERROR, 4000)
    assert dma.write(bytes(80), card_address=4).result().ok
    dma.fixture.write("command", snapshot=1)
    assert dma.fixture.read("check_errors") == 10
