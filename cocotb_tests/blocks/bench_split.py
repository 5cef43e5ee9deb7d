"""sgdma_split: segments become exactly the bursts that the boundary asks for; aborts cut requests short."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import Sink, Source, rng, start

BURST, BYTES = 512, 8
FIELDS = ("address", "extent", "tail", "queue", "tag", "segment_last", "request_last", "kill", "begun")


def _bursts(address: int, length: int) -> list[tuple[int, int]]:
    cuts = []
    while length:
        size = min(length, BURST - address % BURST)
        cuts.append((address, size))
        address, length = address + size, length - size
    return cuts


def _requests(random: Any, count: int) -> list[dict[str, Any]]:
    def segment() -> tuple[int, int]:
        return random.randrange(1 << 40), random.choice((1, 7, 8, 64, 511, 512, 513, random.randrange(1, 5000)))

    return [{"queue": random.randrange(4), "tag": random.getrandbits(16),
             "segments": [segment() for _ in range(random.randint(1, 6))]} for _ in range(count)]  # fmt: skip


async def _feed(dut: Any, random: Any, requests: list[dict[str, Any]]) -> None:
    heads = [{"queue": r["queue"], "tag": r["tag"]} for r in requests]
    entries = [{"address": a, "reach": a % BURST + n - 1, "last": int(i == len(r["segments"]) - 1)}
               for r in requests for i, (a, n) in enumerate(r["segments"])]  # fmt: skip
    cocotb.start_soon(Source(dut, "request", random, 0.2).send(heads))
    cocotb.start_soon(Source(dut, "list", random, 0.2).send(entries))


@cocotb.test()
async def cuts_at_every_boundary(dut: Any) -> None:
    """Addresses, beats, last bytes and marks of every burst, and one command a request."""
    random = rng("split")
    await start(dut, aborting=0, drop=0, request_valid=0, list_valid=0, cmd_room=0, burst_ready=0)
    requests = _requests(random, 200)
    begun: list[int] = []
    cocotb.start_soon(_count_commands(dut, random, begun))
    bursts = Sink(dut, "burst", FIELDS, random, 0.2)
    expected = []
    for request in requests:
        for place, (address, length) in enumerate(request["segments"]):
            cuts = _bursts(address, length)
            for number, (start_, size) in enumerate(cuts):
                end = number == len(cuts) - 1
                beats = (start_ % BYTES + size + BYTES - 1) // BYTES
                expected.append({"address": start_, "extent": beats - 1, "tail": (start_ + size - 1) % BYTES,
                                 "queue": request["queue"], "tag": request["tag"], "segment_last": int(end),
                                 "begun": 1, "kill": 0,
                                 "request_last": int(end and place == len(request["segments"]) - 1)})  # fmt: skip
    await _feed(dut, random, requests)
    await bursts.run(lambda: len(bursts.words) == len(expected))
    assert bursts.words == expected
    assert begun == [request["tag"] for request in requests]


async def _count_commands(dut: Any, random: Any, begun: list[int]) -> None:
    """Room for a command now and then; the tags of the requests that are begun."""
    while True:
        dut.cmd_room.value = random.getrandbits(1)
        await RisingEdge(dut.clk)
        if dut.cmd_push.value:
            assert dut.cmd_room.value and dut.request_valid.value and dut.request_ready.value
            begun.append(int(dut.request_tag.value))
        await FallingEdge(dut.clk)


@cocotb.test()
async def an_aborted_queue_is_cut_short_and_others_are_not(dut: Any) -> None:
    """Every request ends with exactly one last record; those of queue 1 by a kill, the others whole."""
    random = rng("split abort")
    await start(dut, aborting=0, drop=0, request_valid=0, list_valid=0, cmd_room=1, burst_ready=0)
    requests = _requests(random, 120)
    bursts = Sink(dut, "burst", FIELDS, random, 0.1)
    await _feed(dut, random, requests)

    async def toggle() -> None:
        while True:
            for value in (0, 2):
                dut.aborting.value = value
                for _ in range(random.randrange(40)):
                    await FallingEdge(dut.clk)

    cocotb.start_soon(toggle())
    await bursts.run(lambda: sum(word["request_last"] for word in bursts.words) == len(requests))
    words = iter(bursts.words)
    killed = 0
    for request in requests:
        moved = 0
        while True:
            word = next(words)
            assert word["queue"] == request["queue"]
            if word["kill"]:
                assert word["request_last"] and request["queue"] == 1
                killed += 1
                break
            moved += word["extent"] * BYTES + word["tail"] + 1 - word["address"] % BYTES
            if word["request_last"]:
                assert moved == sum(length for _, length in request["segments"])
                break
    assert killed > 3
