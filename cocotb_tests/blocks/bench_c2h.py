"""sgdma_c2h: packets of user logic, right and wrong, become the segments of requests, or a status; some are aborted.

What counts: results come in the order of requests, one each; no byte outside a request's segments is written; a packet
that is what was asked for is in memory, with its checksum; what is wrong with one packet is nothing to the next.
"""

from __future__ import annotations

import json
import os
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cocotb
import google_crc32c
from cocotb.triggers import FallingEdge, RisingEdge

from blocks.common import Sink, Source, rng, start
from sgdma.spec.status import Status

PARAMETERS = json.loads(os.environ["SGDMA_PARAMETERS"])
BYTES, BURST, QUEUES = PARAMETERS["DATA_WIDTH"] // 8, 512, 4
ALIGN = 1 if PARAMETERS["REALIGN"] else BYTES
SHARE, REQUESTS = 8192, 400


@dataclass
class Request:
    """One read of the host: where its bytes go, and what user logic makes of it."""

    tag: int
    queue: int
    segments: list[tuple[int, int]]
    packet: bytes
    kind: str  # exact, short, long, flagged
    aborted: bool = False
    bus_error: bool = False
    result: dict[str, int] | None = field(default=None)

    @property
    def total(self) -> int:
        """Bytes asked for."""
        return sum(length for _, length in self.segments)

    def beats(self) -> list[dict[str, int]]:
        """The packet as the stream has it."""
        parts = [self.packet[at : at + BYTES] for at in range(0, len(self.packet), BYTES)]
        flagged = len(parts) // 2 if self.kind == "flagged" else -1
        return [{"data": int.from_bytes(part, "little"), "keep": (1 << len(part)) - 1,
                 "last": int(at == len(parts) - 1), "error": int(at == flagged)}
                for at, part in enumerate(parts)]  # fmt: skip


def made(generator: random.Random, tag: int) -> Request:
    """Up to five segments below its share of memory, and a packet that is as long, or is not."""
    place, segments = tag * SHARE, []
    for left in range(generator.randint(0, 4), -1, -1):
        place += generator.randrange(1, 200) // ALIGN * ALIGN
        length = generator.choice((1, BYTES, 2 * BYTES, 64, 65, 520, generator.randrange(1, 1400)))
        if left:
            length = -(-length // ALIGN) * ALIGN
        segments.append((place, length))
        place += length
    total = sum(length for _, length in segments)
    kind = generator.choice(("exact", "exact", "exact", "short", "long", "flagged"))
    near = generator.choice((1, BYTES - 1, BYTES, BYTES + 1, 2 * BYTES, generator.randrange(1, 400)))
    size = {"short": max(1, total - near), "long": total + near}.get(kind, total)
    kind = "exact" if kind == "short" and size == total else kind
    return Request(tag, generator.randrange(QUEUES), segments, generator.randbytes(size), kind)


class Surroundings:
    """Checker, user logic, memory and host of one engine."""

    def __init__(self, dut: Any, generator: random.Random) -> None:
        self.dut, self.random = dut, generator
        self.requests = [made(generator, tag) for tag in range(REQUESTS)]
        self.memory = bytearray(REQUESTS * SHARE)
        self.given = self.ended = self.aborting = 0
        self.announced: deque[Request] = deque()
        self.beats: deque[tuple[int, int]] = deque()  # data, strobes
        self.responses: deque[tuple[int, int]] = deque()  # due, whether it is an error
        self.now = 0

    async def check(self) -> None:
        """Lists whose last segment commits them; none of a queue that is being aborted."""
        dut = self.dut
        for request in self.requests:
            while self.random.random() < 0.3 or self.aborting >> request.queue & 1 \
                    or int(dut.list_free.value) < len(request.segments) + 8 or not dut.request_room.value:  # fmt: skip
                await FallingEdge(dut.clk)
            dut.request_queue.value, dut.request_tag.value = request.queue, request.tag
            dut.request_length.value = request.total
            for address, length in request.segments:
                dut.list_push.value, dut.list_address.value = 1, address
                dut.list_reach.value = address % BURST + length - 1
                last = (address, length) == request.segments[-1]
                dut.list_last.value = dut.list_commit.value = int(last)
                await FallingEdge(dut.clk)
            dut.list_push.value = dut.list_commit.value = 0
            self.given += 1
            self.announced.append(request)

    async def user(self) -> None:
        """One packet a command, in order; a cancelled one ends with the beat that is offered next."""
        dut = self.dut
        while True:
            dut.cmd_ready.value = 1
            await RisingEdge(dut.clk)
            taken = bool(dut.cmd_valid.value)
            length = int(dut.cmd_length.value) if taken else 0
            await FallingEdge(dut.clk)
            dut.cmd_ready.value = 0
            if taken:
                request = self.announced.popleft()
                assert length == request.total, "commands and requests are out of step"
                await self._packet(request)

    async def _packet(self, request: Request) -> None:
        source = Source(self.dut, "stream", self.random, 0)
        slow = self.random.choice((0.0, 0.1, 0.6))
        for beat in request.beats():
            while self.random.random() < slow:
                await FallingEdge(self.dut.clk)
            if self.dut.cancel.value:
                assert request.aborted or request.kind == "long", f"request {request.tag} is cancelled"
                await source.send([beat | {"last": 1}])
                return
            await source.send([beat])

    async def host(self) -> None:
        """Aborts a queue now and then, until all its requests have ended."""
        dut = self.dut
        while True:
            for _ in range(self.random.randrange(600)):
                await FallingEdge(dut.clk)
            queue = self.random.randrange(QUEUES)
            self.aborting = 1 << queue
            dut.aborting.value = self.aborting
            for request in self.requests[: self.given + 1]:  # the last of them is being handed over
                request.aborted |= request.queue == queue and request.result is None
            while any(request.result is None for request in self.requests[: self.given] if request.queue == queue):
                await FallingEdge(dut.clk)
            self.aborting = dut.aborting.value = 0

    async def bus(self) -> None:
        """Takes addresses and data at random, writes, and answers in order."""
        dut, bursts = self.dut, deque[list[int]]()
        while True:
            dut.aw_ready.value, dut.w_ready.value = int(self.random.random() < 0.6), int(self.random.random() < 0.8)
            due = bool(self.responses) and self.responses[0][0] <= self.now
            dut.b_valid.value, dut.b_error.value = int(due), self.responses[0][1] if due else 0
            await RisingEdge(dut.clk)
            self.now += 1
            if due and dut.b_ready.value:
                self.responses.popleft()
            if dut.aw_valid.value and dut.aw_ready.value:
                bursts.append([int(dut.aw_addr.value), int(dut.aw_len.value) + 1])
            if dut.w_valid.value and dut.w_ready.value:
                assert bursts or dut.aw_valid.value, "data whose address was not offered"
                self.beats.append((int(dut.w_data.value), int(dut.w_strb.value)))
            while bursts and self.beats:
                self._write(bursts)
            await FallingEdge(dut.clk)

    def _write(self, bursts: deque[list[int]]) -> None:
        address, left = bursts[0]
        data, strobes = self.beats.popleft()
        request = self.requests[address // SHARE]
        for lane in range(BYTES):
            if strobes >> lane & 1:
                byte = address // BYTES * BYTES + lane
                assert any(first <= byte < first + length for first, length in request.segments), f"{byte:#x}: no one's"
                self.memory[byte] = data >> 8 * lane & 0xFF
        bursts[0] = [address // BYTES * BYTES + BYTES, left - 1]
        if left == 1:
            bursts.popleft()
            error = int(self.random.random() < 0.01)
            request.bus_error |= bool(error)
            self.responses.append((self.now + self.random.randrange(40), error))

    def judge(self, request: Request, done: dict[str, int]) -> None:
        """The result is what became of the request."""
        request.result = done
        assert (done["tag"], done["queue"]) == (request.tag, request.queue), "results are out of order"
        allowed = {Status.OK if request.kind == "exact" else Status.STREAM_ERROR}
        if request.bus_error:
            allowed = {Status.BUS_ERROR, *(allowed - {Status.OK})}
        if request.aborted:
            allowed.add(Status.ABORTED)
        status = Status(done["status"])
        assert status in allowed, f"request {request.tag}, {request.kind}: {status.name}"
        if status is Status.OK:
            data = b"".join(self.memory[start_ : start_ + length] for start_, length in request.segments)
            assert data == request.packet, f"request {request.tag}: other bytes"
            assert done["bytes"] == request.total
            assert done["crc"] == google_crc32c.value(data), f"request {request.tag}: checksum of other bytes"


@cocotb.test()
async def each_request_gets_its_own_packet_or_its_own_fault(dut: Any) -> None:
    """Under back-pressure everywhere, errors of memory, aborts of any queue at any time."""
    generator = rng("c2h")
    around = Surroundings(dut, generator)
    inputs = ("aborting", "list_push", "list_last", "list_commit", "list_rollback", "request_card", "request_port",
              "aw_ready", "w_ready", "b_valid", "b_error", "cmd_ready", "stream_valid", "done_ready")  # fmt: skip
    await start(dut, **dict.fromkeys(inputs, 0))
    for part in (around.check, around.user, around.host, around.bus):
        cocotb.start_soon(part())
    sink = Sink(dut, "done", ("queue", "tag", "status", "segment", "bytes", "crc"), generator)

    def enough() -> bool:
        while around.ended < len(sink.words):
            around.judge(around.requests[around.ended], sink.words[around.ended])
            around.ended += 1
        assert around.now < 600 * REQUESTS, f"request {around.ended} never ends"
        return around.ended == REQUESTS

    await sink.run(enough)
    seen = {Status(request.result["status"]).name for request in around.requests if request.result}
    assert seen == {"OK", "STREAM_ERROR", "ABORTED", "BUS_ERROR"}, f"only {seen}"
