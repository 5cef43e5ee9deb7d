"""sgdma_c2h: packets of user logic, right and wrong, become the segments of requests, or a status; some are aborted.

What counts: results come in the order of requests, one each; no byte outside a request's segments is written; a packet
that is what was asked for is in memory, with its checksum; what is wrong with one packet is nothing to the next.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from blocks import engines
from blocks.common import Source, rng
from blocks.engines import BYTES, REQUESTS, SHARE, segments_of
from sgdma.spec.status import Status


@dataclass
class Request(engines.Request):
    """One read of the host: where its bytes go, and what user logic makes of it."""

    packet: bytes = b""
    kind: str = "exact"  # or short, long, flagged
    bus_error: bool = False

    def beats(self) -> list[dict[str, int]]:
        """The packet as the stream has it."""
        parts = [self.packet[at : at + BYTES] for at in range(0, len(self.packet), BYTES)]
        flagged = len(parts) // 2 if self.kind == "flagged" else -1
        return [{"data": int.from_bytes(part, "little"), "keep": (1 << len(part)) - 1,
                 "last": int(at == len(parts) - 1), "error": int(at == flagged)}
                for at, part in enumerate(parts)]  # fmt: skip


def made(generator: random.Random, tag: int) -> Request:
    """With a packet that is as long as what is asked for, or is not."""
    segments = segments_of(generator, tag)
    total = sum(length for _, length in segments)
    kind = generator.choice(("exact", "exact", "exact", "short", "long", "flagged"))
    near = generator.choice((1, BYTES - 1, BYTES, BYTES + 1, 2 * BYTES, generator.randrange(1, 400)))
    size = {"short": max(1, total - near), "long": total + near}.get(kind, total)
    kind = "exact" if kind == "short" and size == total else kind
    return Request(tag, generator.randrange(engines.QUEUES), segments, packet=generator.randbytes(size), kind=kind)


class Surroundings(engines.Surroundings):
    """With user logic and memory."""

    def __init__(self, dut: Any, generator: random.Random) -> None:
        super().__init__(dut, generator, [made(generator, tag) for tag in range(REQUESTS)])
        self.memory = bytearray(REQUESTS * SHARE)
        self.beats: deque[tuple[int, int]] = deque()  # data, strobes
        self.responses: deque[tuple[int, int]] = deque()  # due, whether it is an error

    async def user(self) -> None:
        """One packet a command, in order; a cancelled one ends with the beat that is offered next."""
        dut, told = self.dut, 0
        while True:
            dut.cmd_ready.value = 1
            await RisingEdge(dut.clk)
            taken = bool(dut.cmd_valid.value)
            if taken:
                request = self.requests[int(dut.cmd_address.value)]
                assert request.tag == told, f"request {request.tag} is told after {told - 1}"
                assert int(dut.cmd_length.value) == request.total
            await FallingEdge(dut.clk)
            dut.cmd_ready.value = 0
            if taken:
                told += 1
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
        """Whole where the packet was, and else what was wrong."""
        allowed = {Status.OK if request.kind == "exact" else Status.STREAM_ERROR}
        if request.bus_error:
            allowed = {Status.BUS_ERROR, *(allowed - {Status.OK})}
        if request.aborted:
            allowed.add(Status.ABORTED)
        status = Status(done["status"])
        assert status in allowed, f"request {request.tag}, {request.kind}: {status.name}"
        if status is Status.OK:
            data = b"".join(self.memory[first : first + length] for first, length in request.segments)
            assert data == request.packet, f"request {request.tag}: other bytes"
            assert done["bytes"] == request.total
            assert done["crc"] == engines.checksum(data), f"request {request.tag}: checksum of other bytes"


@cocotb.test()
async def each_request_gets_its_own_packet_or_its_own_fault(dut: Any) -> None:
    """Under back-pressure everywhere, errors of memory, aborts of any queue at any time."""
    seen = await Surroundings(dut, rng("c2h")).run(("aw_ready", "w_ready", "b_valid", "b_error", "stream_valid"))
    assert seen == {"OK", "STREAM_ERROR", "ABORTED", "BUS_ERROR"}, f"only {seen}"
