"""Host memory behind the core's AXI port: random latencies and pauses, errors on demand, and a look at every burst."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from cocotb.triggers import FallingEdge, RisingEdge

__all__ = ["BusMemory"]

SLVERR = 2


class BusMemory:
    """In order, as many bursts under way as are asked for.

    `on_read` (address) is called for each burst of descriptors, `on_write` (address, data) for each completion record.
    What lies in `failing`, a range of addresses, is answered by an error and not changed. `latency`: cycles, at most.
    `ready`: share of cycles in which an address of a read is taken.
    """

    def __init__(self, dut: Any, generator: random.Random, size: int, on_read: Callable[[int], None],
                 on_write: Callable[[int, bytes], None]) -> None:  # fmt: skip
        self.dut, self.random, self.on_read, self.on_write = dut, generator, on_read, on_write
        self.bytes, self.width = bytearray(size), len(dut.m_axi_rdata) // 8
        self.failing, self.latency, self.ready, self.now = range(0), 20, 0.9, 0
        self._reads: deque[list[int]] = deque()  # due, address, beats to come, id
        self._writes: deque[list[int]] = deque()  # address, id
        self._responses: deque[tuple[int, int, int]] = deque()
        self._data = bytearray()

    async def run(self) -> None:
        """For ever: inputs of the core change with the falling edge."""
        while True:
            self._drive()
            await RisingEdge(self.dut.clk)
            self.now += 1
            self._take()
            await FallingEdge(self.dut.clk)

    def _drive(self) -> None:
        dut = self.dut
        dut.m_axi_arready.value = int(self.random.random() < self.ready)
        dut.m_axi_wready.value = int(bool(self._writes))
        dut.m_axi_rvalid.value = dut.m_axi_bvalid.value = 0
        if self._reads and self._reads[0][0] <= self.now and self.random.random() < 0.9:
            read = self._reads[0]
            _, address, left, source = read
            start = address // self.width * self.width
            dut.m_axi_rvalid.value, dut.m_axi_rid.value = 1, source
            dut.m_axi_rresp.value = SLVERR if address in self.failing else 0
            dut.m_axi_rdata.value = int.from_bytes(self.bytes[start : start + self.width], "little")
            dut.m_axi_rlast.value = int(left == 1)
            read[1], read[2] = start + self.width, left - 1
            if left == 1:
                self._reads.popleft()
        if self._responses and self._responses[0][0] <= self.now:
            _, source, response = self._responses.popleft()
            dut.m_axi_bvalid.value, dut.m_axi_bid.value, dut.m_axi_bresp.value = 1, source, response

    def _take(self) -> None:
        dut = self.dut
        due = self.now + self.random.randint(2, self.latency)
        if dut.m_axi_arvalid.value and dut.m_axi_arready.value:
            address, source = int(dut.m_axi_araddr.value), int(dut.m_axi_arid.value)
            if not source:
                self.on_read(address)
            self._reads.append([due, address, int(dut.m_axi_arlen.value) + 1, source])
        if dut.m_axi_wvalid.value and dut.m_axi_wready.value:
            self._data += int(dut.m_axi_wdata.value).to_bytes(self.width, "little")
            if dut.m_axi_wlast.value:
                address, source = self._writes.popleft()
                failed = address in self.failing
                if not failed:
                    self.bytes[address : address + len(self._data)] = self._data
                if not source:
                    self.on_write(address, bytes(self._data))
                self._responses.append((due, source, SLVERR if failed else 0))
                self._data.clear()
        if dut.m_axi_awvalid.value:  # always ready
            self._writes.append([int(dut.m_axi_awaddr.value), int(dut.m_axi_awid.value)])
