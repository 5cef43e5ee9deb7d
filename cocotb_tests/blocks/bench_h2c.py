"""sgdma_h2c: segments of host memory become one packet each request, whole or flagged; some requests are aborted.

What counts: commands, packets and results come in the order of requests; a packet that isn't flagged is what lies in
memory; a request that user logic was never told of has a result all the same.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from blocks import engines
from blocks.common import rng
from blocks.engines import BURST, BYTES, REQUESTS, SHARE, segments_of
from sgdma.spec.status import Status


@dataclass
class Request(engines.Request):
    """One write of the host: under which segments memory failed, and what user logic got."""

    failed: list[set[int]] = field(default_factory=list)  # a beat each: the segments that have bytes in it
    packet: bytes | None = None
    flagged: bool = False


class Surroundings(engines.Surroundings):
    """With memory and user logic."""

    def __init__(self, dut: Any, generator: random.Random) -> None:
        requests = [Request(tag, generator.randrange(engines.QUEUES), segments_of(generator, tag))
                    for tag in range(REQUESTS)]  # fmt: skip
        super().__init__(dut, generator, requests)
        self.memory = generator.randbytes(REQUESTS * SHARE)
        self.bursts: deque[list[int]] = deque()  # due, address, beats to come

    async def bus(self) -> None:
        """Takes addresses at random, answers in order, each beat when it likes; now and then with an error."""
        dut = self.dut
        while True:
            dut.ar_ready.value = int(self.random.random() < 0.6)
            beat = bool(self.bursts) and self.bursts[0][0] <= self.now and self.random.random() < 0.8
            dut.r_valid.value = int(beat)
            if beat:
                self._answer()
            await RisingEdge(dut.clk)
            self.now += 1
            if dut.ar_valid.value and dut.ar_ready.value:
                address, beats = int(dut.ar_addr.value), int(dut.ar_len.value) + 1
                assert address % BURST + beats * BYTES <= BURST, f"a burst at {address:#x} crosses its block"
                self.bursts.append([self.now + self.random.randrange(60), address, beats])
            await FallingEdge(dut.clk)

    def _answer(self) -> None:
        _, address, left = self.bursts[0]
        request = self.requests[address // SHARE]
        touched = {place for place, (begin, length) in enumerate(request.segments)
                   if begin < address + BYTES and address < begin + length}  # fmt: skip
        assert touched, f"{address:#x} is asked for, and is no one's"
        error = self.random.random() < (0.02 if left == 1 else 0.003)  # a packet's last beat is a case of its own
        if error:
            request.failed.append(touched)
        self.dut.r_error.value = int(error)
        self.dut.r_data.value = int.from_bytes(self.memory[address : address + BYTES], "little")
        self.bursts[0] = [0, address + BYTES, left - 1]
        if left == 1:
            self.bursts.popleft()

    async def user(self) -> None:
        """A command, then its packet, each beat when it likes."""
        dut, before = self.dut, -1
        while True:
            dut.cmd_ready.value = 1
            await RisingEdge(dut.clk)
            if not dut.cmd_valid.value:
                await FallingEdge(dut.clk)
                continue
            request = self.requests[int(dut.cmd_address.value)]
            assert request.tag > before and request.result is None, f"request {request.tag} is told after {before}"
            assert int(dut.cmd_length.value) == request.total
            await FallingEdge(dut.clk)
            dut.cmd_ready.value = 0
            await self._packet(request)
            before = request.tag

    async def _packet(self, request: Request) -> None:
        dut, packet, last = self.dut, b"", False
        quick = self.random.choice((0.2, 0.7, 1.0))
        while not last:
            dut.stream_ready.value = int(self.random.random() < quick)
            await RisingEdge(dut.clk)
            if dut.stream_valid.value and dut.stream_ready.value:
                keep, last = int(dut.stream_keep.value), bool(dut.stream_last.value)
                count = keep.bit_length()
                assert keep == (1 << count) - 1 and (last or count == BYTES), f"keep {keep:#x} in a packet"
                packet += int(dut.stream_data.value).to_bytes(BYTES, "little")[:count]
                request.flagged = bool(dut.stream_error.value)
            if last:
                request.packet = packet
            await FallingEdge(dut.clk)
        dut.stream_ready.value = 0

    def judge(self, request: Request, done: dict[str, int]) -> None:
        """Whole where memory was, and else what was wrong; user logic knows as much."""
        status = Status(done["status"])
        allowed = {Status.BUS_ERROR if request.failed else Status.OK} | ({Status.ABORTED} if request.aborted else set())
        assert status in allowed, f"request {request.tag}: {status.name}"
        assert (request.packet is None) <= (status is Status.ABORTED), f"request {request.tag}: a result, and no packet"
        assert request.packet is None or request.flagged == (status is not Status.OK), "flagged, or not, for no reason"
        if status is Status.BUS_ERROR:
            assert done["segment"] in request.failed[0], f"request {request.tag}: another segment failed"
        if status is Status.OK:
            data = b"".join(self.memory[first : first + length] for first, length in request.segments)
            assert request.packet == data, f"request {request.tag}: other bytes"
            assert done["bytes"] == request.total
            assert done["crc"] == engines.checksum(data), f"request {request.tag}: checksum of other bytes"


@cocotb.test()
async def each_request_is_one_packet_and_one_result(dut: Any) -> None:
    """Under back-pressure everywhere, errors of memory, aborts of any queue at any time."""
    around = Surroundings(dut, rng("h2c"))
    seen = await around.run(("ar_ready", "r_valid", "r_error", "stream_ready"), pause=0.85)
    assert seen == {"OK", "ABORTED", "BUS_ERROR"}, f"only {seen}"
    untold = sum(request.packet is None for request in around.requests)
    assert 0 < untold < REQUESTS // 4, f"{untold} requests were cut short before user logic was told of them"
