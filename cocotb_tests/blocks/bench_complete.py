"""sgdma_complete: every result becomes one record, in its queue's ring, with sequence, phase and wrap as declared."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from blocks.common import rng, start
from sgdma.spec.layout import COMPLETION, COMPLETION_BYTES
from sgdma.spec.status import Status

QUEUES, LOG2 = 4, 3
BASES = [0x1_0000_0000 + 0x1000 * queue for queue in range(QUEUES)]


def _pack(queue: int, tag: int, opcode: int, status: int, segment: int, size: int, crc: int) -> int:
    word = queue
    for value, bits in ((tag, 16), (opcode, 4), (status, 8), (segment, 16), (size, 32), (crc, 32)):
        word = word << bits | value
    return word


class Bench:
    """Queue state, memory and responses around the writer."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.random = dut, rng("complete")
        self.issued = [0] * QUEUES
        self.memory: dict[int, bytes] = {}
        self.answers: list[int] = []
        self.written: list[int] = []

    async def state(self) -> None:
        """The look-up of the queue state is combinational; issued indices count up with `issue`.

        What is asked for a result that is looked at is valid in that cycle only.
        """
        dut = self.dut
        while True:
            await Timer(1, "ns")  # the results of this cycle are on show
            queue, place = int(dut.issue_queue.value), int(dut.pick_queue.value)
            dut.pick_base.value, dut.pick_mask.value = BASES[place], (1 << LOG2) - 1
            dut.pick_index.value = self.issued[place] & 0xFFFF
            dut.issue_sq_head.value = 1000 + self.issued[queue]
            await RisingEdge(dut.clk)
            if dut.issue.value:
                assert int(dut.issue_index.value) == self.issued[queue] & 0xFFFF
                self.issued[queue] += 1
            await FallingEdge(dut.clk)

    async def bus(self) -> None:
        """Take addresses and beats with pauses, no beat before its address; answer later, in order."""
        dut, data, strobe = self.dut, b"", 0
        addresses: list[int] = []
        width = len(dut.w_data) // 8
        while True:
            dut.aw_ready.value = self.random.getrandbits(1)
            dut.w_ready.value = int(bool(addresses) and self.random.random() < 0.7)
            dut.b_valid.value = int(bool(self.answers) and self.random.random() < 0.3)
            dut.b_error.value = 0
            await RisingEdge(dut.clk)
            if dut.b_valid.value:
                self.answers.pop(0)
                assert dut.written.value
                self.written.append(int(dut.written_queue.value))
            if dut.aw_valid.value and dut.aw_ready.value:
                addresses.append(int(dut.aw_addr.value))
            if dut.w_valid.value and dut.w_ready.value:
                data += int(dut.w_data.value).to_bytes(width, "little")
                strobe = int(dut.w_strb.value)
            if len(data) >= max(COMPLETION_BYTES, width):
                address = addresses.pop(0)
                skip = (strobe & -strobe).bit_length() - 1 if width > COMPLETION_BYTES else 0
                self.memory[address + skip] = data[skip : skip + COMPLETION_BYTES]
                self.answers.append(address)
                data = b""
            await FallingEdge(dut.clk)


@cocotb.test()
async def one_record_for_every_result(dut: Any) -> None:
    """Three sources at once, four queues, rings that wrap many times."""
    bench = Bench(dut)
    await start(dut, in_valid=0, aw_ready=0, w_ready=0, b_valid=0, b_error=0, timestamp=0x1234, hold=0)
    cocotb.start_soon(bench.state())
    cocotb.start_soon(bench.bus())
    random = bench.random
    bits = len(dut.in_result) // 3
    expected: list[list[tuple[int, ...]]] = [[] for _ in range(QUEUES)]
    waiting: list[list[tuple[int, ...]]] = [
        [(random.randrange(QUEUES), random.getrandbits(16), random.choice((1, 2)), random.choice((0, 4, 6, 33)),
          random.getrandbits(16), random.getrandbits(32), random.getrandbits(32)) for _ in range(60)]
        for _ in range(3)
    ]  # fmt: skip
    seen = [0] * QUEUES
    while any(waiting) or len(bench.written) < 180:
        word = valid = 0
        for source in range(3):
            if waiting[source]:
                valid |= 1 << source
                word |= _pack(*waiting[source][0]) << bits * source
        dut.in_valid.value, dut.in_result.value = valid, word
        await RisingEdge(dut.clk)
        ready = int(dut.in_ready.value) & valid
        assert ready & (ready - 1) == 0, "more than one source taken at once"
        for source in range(3):
            if ready >> source & 1:
                result = waiting[source].pop(0)
                if source and result[3] != Status.BUS_ERROR:  # an engine's index means something with that only
                    result = (*result[:4], 0xFFFF, *result[5:])
                expected[result[0]].append(result)
        await FallingEdge(dut.clk)
        _check(bench, expected, seen)
    _check(bench, expected, seen)
    assert seen == [len(results) for results in expected]


def _check(bench: Bench, expected: list[list[tuple[int, ...]]], seen: list[int]) -> None:
    """Every record that was answered, in order; checked as it appears, since rings wrap."""
    for queue in range(QUEUES):
        while seen[queue] < bench.written.count(queue):
            index = seen[queue]
            place = BASES[queue] + COMPLETION_BYTES * (index % (1 << LOG2))
            record = np.frombuffer(bench.memory[place], COMPLETION)[0]
            assert int(record["sequence_number"]) == index
            _, tag, opcode, status, segment, size, crc = expected[queue][index]
            names = ("tag", "opcode", "status", "segment_index", "bytes_moved", "crc32c")
            got = tuple(int(record[name]) for name in names)
            assert got == (tag, opcode, status, segment, size, crc)
            assert int(record["phase"]) == 1 - (index >> LOG2 & 1)
            # The head is told with the beat that it is in, one that is not the first as it is behind the address.
            later = len(bench.dut.w_data) < 256
            assert int(record["queue"]) == queue and int(record["sq_head"]) == 1000 + index + later
            assert int(record["timestamp"]) == 0x1234
            seen[queue] += 1
