"""sgdma_pack and sgdma_unpack: byte-exact packets with arbitrary lanes and pauses; broken packets are reported."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import Sink, Source, rng, start

BYTES = 8


def _lanes(random: Any, total: int) -> list[tuple[int, int]]:
    """(first lane, bytes) of memory beats that hold `total` bytes in segments at random lanes."""
    beats = []
    while total:
        lane, segment = random.randrange(BYTES), min(total, random.choice((1, 2, 5, 8, 16, 40, 64)))
        total -= segment
        while segment:
            count = min(BYTES - lane, segment)
            beats.append((lane, count))
            segment, lane = segment - count, 0
    return beats


def _packets(random: Any) -> list[bytes]:
    return [random.randbytes(random.choice((1, 7, 8, 9, 16, 63, 64, 65, 200))) for _ in range(150)]


@cocotb.test(skip=os.environ["SGDMA_BLOCK"] != "sgdma_pack")
async def packs_without_holes(dut: Any) -> None:
    """Memory beats in, the same bytes as full words out, last word partial."""
    random = rng("pack")
    await start(dut, in_valid=0, out_ready=0)
    packets, beats = _packets(random), []
    for packet in packets:
        place, lanes = 0, _lanes(random, len(packet))
        for number, (lane, count) in enumerate(lanes):
            noise = bytearray(random.randbytes(BYTES))
            noise[lane : lane + count] = packet[place : place + count]
            place += count
            beats.append({"data": int.from_bytes(noise, "little"), "lane": lane, "count": count,
                          "last": int(number == len(lanes) - 1), "error": 0})  # fmt: skip
    sink = Sink(dut, "out", ("data", "keep", "last", "error"), random)
    cocotb.start_soon(Source(dut, "in", random).send(beats))
    await sink.run(lambda: sum(word["last"] for word in sink.words) == len(packets))
    words = iter(sink.words)
    for packet in packets:
        got = b""
        while True:
            word = next(words)
            count = word["keep"].bit_length()
            assert word["keep"] == (1 << count) - 1 and (word["last"] or count == BYTES)
            got += word["data"].to_bytes(BYTES, "little")[:count]
            if word["last"]:
                break
        assert got == packet


@cocotb.test(skip=os.environ["SGDMA_BLOCK"] != "sgdma_pack")
async def packs_one_beat_a_cycle(dut: Any) -> None:
    """A long packet of full beats at an odd lane takes one cycle a beat."""
    await start(dut, in_valid=0, out_ready=1)
    dut.in_lane.value, dut.in_count.value, dut.in_last.value = 0, BYTES, 0
    dut.in_valid.value = 1
    await FallingEdge(dut.clk)
    for _ in range(100):
        await RisingEdge(dut.clk)
        assert dut.in_ready.value, "a bubble"
        await FallingEdge(dut.clk)


@cocotb.test(skip=os.environ["SGDMA_BLOCK"] != "sgdma_unpack")
async def unpacks_to_any_lane_and_sees_broken_packets(dut: Any) -> None:
    """Wanted lanes get the stream's bytes; short, long and exact packets are told apart."""
    random = rng("unpack")
    await start(dut, in_valid=0, want_valid=0, discard=0, out_ready=0)
    wanted, words, fate = [], [], []
    for _ in range(300):
        packet = random.randbytes(random.choice((1, 5, 8, 9, 24, 63, 64, 65, 130)))
        kind = random.choice(("exact", "exact", "short", "long"))
        length = {"exact": len(packet), "short": len(packet) + random.randint(1, 20),
                  "long": max(1, len(packet) - random.randint(1, 20))}[kind]  # fmt: skip
        if length == len(packet):
            kind = "exact"
        fate.append((kind, packet, _lanes(random, length)))
        for place in range(0, len(packet), BYTES):
            part = packet[place : place + BYTES]
            words.append({"data": int.from_bytes(part, "little"), "keep": (1 << len(part)) - 1,
                          "last": int(place + BYTES >= len(packet)), "error": 0})  # fmt: skip
        wanted.append(length)
    cocotb.start_soon(Source(dut, "in", random, 0.2).send(words))
    for kind, packet, lanes in fate:
        await _one(dut, random, kind, packet, lanes)


async def _one(dut: Any, random: Any, kind: str, packet: bytes, lanes: list[tuple[int, int]]) -> None:
    place = 0
    for number, (lane, count) in enumerate(lanes):
        last = number == len(lanes) - 1
        dut.want_valid.value, dut.want_lane.value, dut.want_count.value = 1, lane, count
        dut.want_last.value = int(last)
        while True:
            dut.out_ready.value = int(random.random() < 0.7)
            await RisingEdge(dut.clk)
            if dut.out_valid.value and dut.out_ready.value:
                break
            await FallingEdge(dut.clk)
        early, broken, open_ = bool(dut.out_early.value), bool(dut.out_broken.value), bool(dut.out_open.value)
        data = int(dut.out_data.value).to_bytes(BYTES, "little")
        await FallingEdge(dut.clk)
        if early:
            assert kind == "short"
            dut.want_valid.value = 0
            return
        if not last or kind == "exact":
            part = packet[place : place + count]  # a packet that ends in this beat has less
            assert data[lane : lane + len(part)] == part
        place += count
        if last:
            assert broken == (kind != "exact"), (kind, len(packet), lanes)
            if open_:
                assert kind == "long"
                await _discard(dut)
                return
    dut.want_valid.value = 0


async def _discard(dut: Any) -> None:
    dut.want_valid.value, dut.discard.value = 0, 1
    while True:
        await RisingEdge(dut.clk)
        done = bool(dut.discarded.value)
        await FallingEdge(dut.clk)
        if done:
            break
    dut.discard.value = 0
