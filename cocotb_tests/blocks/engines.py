"""What surrounds an engine: a checker that hands over lists, a host that aborts queues, requests with segments."""

from __future__ import annotations

import json
import os
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import cocotb
import google_crc32c
from cocotb.triggers import FallingEdge

from blocks.common import Sink, start
from sgdma.spec.status import Status

__all__ = ["BURST", "BYTES", "QUEUES", "REQUESTS", "SHARE", "Request", "Surroundings", "checksum", "segments_of"]

PARAMETERS = json.loads(os.environ["SGDMA_PARAMETERS"])
BYTES, BURST, QUEUES = PARAMETERS["DATA_WIDTH"] // 8, 512, 4
ALIGN = 1 if PARAMETERS["REALIGN"] else BYTES
SHARE, REQUESTS = 8192, 400


@dataclass
class Request:
    """One request and what became of it."""

    tag: int
    queue: int
    segments: list[tuple[int, int]]
    aborted: bool = False
    result: dict[str, int] | None = None

    @property
    def total(self) -> int:
        """Bytes asked for."""
        return sum(length for _, length in self.segments)


def checksum(data: bytes) -> int:
    """What the result of a whole request carries: CRC32C by the library, 0 where it isn't built."""
    return int(google_crc32c.value(data)) if PARAMETERS["CRC"] else 0


def segments_of(generator: random.Random, tag: int) -> list[tuple[int, int]]:
    """Up to five segments below a request's share of memory."""
    place, segments = tag * SHARE, []
    for left in range(generator.randint(0, 4), -1, -1):
        place += generator.randrange(1, 200) // ALIGN * ALIGN
        length = generator.choice((1, BYTES, 2 * BYTES, 64, 65, 520, generator.randrange(1, 1400)))
        if left:
            length = -(-length // ALIGN) * ALIGN
        segments.append((place, length))
        place += length
    return segments


INPUTS = ("aborting", "list_push", "list_last", "list_commit", "list_rollback", "request_card", "request_port",
          "cmd_ready", "done_ready")  # fmt: skip
"""Of either engine, low in reset."""


class Surroundings(ABC):
    """Checker and host of one engine; a subclass has user logic and memory. `ended` requests have their result."""

    def __init__(self, dut: Any, generator: random.Random, requests: list[Any]) -> None:
        self.dut, self.random, self.requests = dut, generator, requests
        self.given = self.ended = self.aborting = self.now = 0

    async def run(self, inputs: tuple[str, ...], pause: float = 0.3) -> set[str]:
        """All requests; the statuses that came. `inputs`: the engine's own, low in reset; `pause`: of the host."""
        await start(self.dut, **dict.fromkeys((*INPUTS, *inputs), 0))
        for part in (self.check, self.host, self.user, self.bus):
            cocotb.start_soon(part())
        sink = Sink(self.dut, "done", ("queue", "tag", "status", "segment", "bytes", "crc"), self.random, pause)
        await sink.run(lambda: self.enough(sink.words))
        return {Status(done["status"]).name for done in sink.words}

    @abstractmethod
    async def user(self) -> None:
        """User logic, for ever."""

    @abstractmethod
    async def bus(self) -> None:
        """Memory, for ever; counts the cycles in `now`."""

    async def check(self) -> None:
        """Lists whose last segment commits them; none of a queue that is being aborted."""
        dut = self.dut
        for request in self.requests:
            while self.random.random() < 0.3 or self.aborting >> request.queue & 1 \
                    or int(dut.list_free.value) < len(request.segments) + 8 or not dut.request_room.value:  # fmt: skip
                await FallingEdge(dut.clk)
            dut.request_queue.value, dut.request_tag.value = request.queue, request.tag
            dut.request_length.value, dut.request_card.value = request.total, request.tag
            for place, (address, length) in enumerate(request.segments):
                dut.list_push.value, dut.list_address.value = 1, address
                dut.list_reach.value = address % BURST + length - 1
                dut.list_last.value = dut.list_commit.value = int(place == len(request.segments) - 1)
                await FallingEdge(dut.clk)
            dut.list_push.value = dut.list_commit.value = 0
            self.given += 1

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

    @abstractmethod
    def judge(self, request: Any, done: dict[str, int]) -> None:
        """The result is what became of the request."""

    def enough(self, results: list[dict[str, int]]) -> bool:
        """Judge what is new; whether that was the last."""
        while self.ended < len(results):
            request, done = self.requests[self.ended], results[self.ended]
            assert (done["tag"], done["queue"]) == (request.tag, request.queue), "results are out of order"
            request.result = done
            self.judge(request, done)
            self.ended += 1
        assert self.now < 600 * REQUESTS, f"request {self.ended} never ends"
        return self.ended == REQUESTS
