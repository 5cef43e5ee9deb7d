"""DMA memory in block RAM: a port for the core at full rate, and one for everybody else on the board."""

from __future__ import annotations

from litex.gen import FSM, Constant, If, LiteXModule, Memory, NextState, Signal
from litex.soc.interconnect import stream, wishbone
from litex.soc.interconnect.axi import AXIInterface
from migen import READ_FIRST, Case, Cat

__all__ = ["BlockMemory"]

_PAGE = 4096
_WAITING = 8
"""Bursts and beats that wait in the FIFOs between the channels and the memory."""


class BlockMemory(LiteXModule):
    """On-chip memory of `size` bytes, as wide as the core's bus.

    ::

              AR  +------+  address  +--------+  data   +------+  R
        core ---->| FIFO |---------->| read   |-------->| FIFO |----> core
                  +------+     +---->| port   |         +------+
                               |     +--------+
                  wishbone ----+      memory
                               |     +--------+         +------+  B
              AW  +------+     +---->| write  |-------->| FIFO |----> core
        core ---->| FIFO |---------->| port   |         +------+
              W   +------+  beats    +--------+

    AXI answers in order, a beat a cycle each way, and knows INCR bursts of whole beats only, which is what the core
    sends; a byte that it reads in the cycle that writes it is undefined. The wishbone port takes a cycle of either
    memory port when it needs one. ``clear`` (one cycle) zeroes the beats from ``clear_first`` to ``clear_last``, which
    takes the write port until ``clearing`` has fallen.

    On wishbone the memory is there sixteen times, one behind the other: writes to the image of number n leave the bytes
    of a word alone whose bits are set in n, so that a host whose link knows only words writes bytes without reading.
    """

    def __init__(self, size: int, data_width: int, id_width: int = 1) -> None:
        self.axi = AXIInterface(data_width=data_width, address_width=32, id_width=id_width)
        self.wishbone = wishbone.Interface(data_width=32, adr_width=30, addressing="word")
        self._beat = data_width // 8
        self._bits = (size // self._beat - 1).bit_length()
        memory = Memory(data_width, size // self._beat)
        self._read = memory.get_port(mode=READ_FIRST)
        self._write = memory.get_port(write_capable=True, we_granularity=8, mode=READ_FIRST)

        # # #

        self.specials += memory, self._read, self._write
        self.clear, self.clearing = Signal(), Signal()
        self.clear_first, self.clear_last = Signal(32), Signal(32)  # byte addresses
        self.ready, self.failed, self.lanes = Signal(reset=1), Signal(), Signal(32)  # as DramMemory's
        self._erase = Signal()
        self._taken_read, self._taken_write = Signal(), Signal()  # by the wishbone port or by clearing, in this cycle
        self._add_reads()
        self._add_writes()
        self._add_wishbone()

    def _bursts(self, channel: stream.Endpoint, name: str) -> stream.SyncFIFO:
        """The bursts that wait on an address channel: index of the first beat, length, ID."""
        fifo = stream.SyncFIFO([("index", self._bits), ("len", 8), ("id", len(channel.id))], _WAITING)
        self.add_module(name, fifo)
        low = self._beat.bit_length() - 1
        self.comb += [
            fifo.sink.valid.eq(channel.valid), channel.ready.eq(fifo.sink.ready),
            fifo.sink.index.eq(channel.addr[low : low + self._bits]),
            fifo.sink.len.eq(channel.len), fifo.sink.id.eq(channel.id),
        ]  # fmt: skip
        return fifo

    def _add_burst(self, bursts: stream.SyncFIFO, step: Signal) -> tuple[Signal, Signal, Signal, Signal]:
        """(a burst is under way, index of its beat, its last beat, its ID); `step` goes on to the next beat."""
        busy, index, left, ident = Signal(), Signal(self._bits), Signal(8), Signal(len(bursts.source.id))
        last = Signal()
        self.comb += [last.eq(left == 0), bursts.source.ready.eq(~busy | (step & last))]
        self.sync += If(bursts.source.ready,
            busy.eq(bursts.source.valid), index.eq(bursts.source.index), left.eq(bursts.source.len),
            ident.eq(bursts.source.id),
        ).Elif(step, index.eq(index + 1), left.eq(left - 1))  # fmt: skip
        return busy, index, last, ident

    def _add_reads(self) -> None:
        r = self.axi.r
        self.answers = answers = stream.SyncFIFO([("data", len(r.data)), ("id", len(r.id)), ("end", 1)], _WAITING)
        step, coming, end, ident_d = Signal(), Signal(), Signal(), Signal(len(r.id))
        busy, index, last, ident = self._add_burst(self._bursts(self.axi.ar, "read_bursts"), step)
        self.comb += [
            step.eq(busy & ~self._taken_read & (answers.level < _WAITING - 2)),
            If(~self._taken_read, self._read.adr.eq(index)),
            answers.sink.valid.eq(coming), answers.sink.data.eq(self._read.dat_r),
            answers.sink.id.eq(ident_d), answers.sink.end.eq(end),
            r.valid.eq(answers.source.valid), answers.source.ready.eq(r.ready), r.data.eq(answers.source.data),
            r.id.eq(answers.source.id), r.last.eq(answers.source.end),
        ]  # fmt: skip
        self.sync += [coming.eq(step), end.eq(last), ident_d.eq(ident)]

    def _add_writes(self) -> None:
        w, b = self.axi.w, self.axi.b
        self.done = done = stream.SyncFIFO([("id", len(b.id))], _WAITING)
        step = Signal()
        busy, index, last, ident = self._add_burst(self._bursts(self.axi.aw, "write_bursts"), step)
        self.comb += [
            w.ready.eq(busy & ~self._taken_write & (done.level < _WAITING - 1)),
            step.eq(w.ready & w.valid),
            If(~self._taken_write,
                self._write.adr.eq(index), self._write.dat_w.eq(w.data), If(step, self._write.we.eq(w.strb))),
            done.sink.valid.eq(step & last), done.sink.id.eq(ident),
            b.valid.eq(done.source.valid), done.source.ready.eq(b.ready), b.id.eq(done.source.id),
        ]  # fmt: skip

    def _add_wishbone(self) -> None:
        bus, lanes = self.wishbone, self._beat // 4
        lane_bits = lanes.bit_length() - 1
        lane, index = bus.adr[:lane_bits], bus.adr[lane_bits : lane_bits + self._bits]
        sel = bus.sel & ~bus.adr[lane_bits + self._bits : lane_bits + self._bits + 4]
        # Taken a cycle late: the bus' way here is long, and the core's beats wait for what is decided.
        reads, writes = Signal(), Signal()
        asked = bus.cyc & bus.stb & ~bus.ack & ~reads & ~writes
        self.sync += [reads.eq(asked & ~bus.we), writes.eq(asked & bus.we & ~self.clearing)]
        erased = self._add_clear()
        self.comb += [
            self._taken_read.eq(reads), self._taken_write.eq(writes | self.clearing),
            If(self._taken_read, self._read.adr.eq(index)),
            If(self._erase,
                self._write.adr.eq(erased), self._write.dat_w.eq(0), self._write.we.eq(2**self._beat - 1),
            ).Elif(writes,
                self._write.adr.eq(index), self._write.dat_w.eq(Cat(*[bus.dat_w] * lanes)),
                Case(lane, {n: self._write.we.eq(sel << 4 * n) for n in range(lanes)})),
            Case(lane, {n: bus.dat_r.eq(self._read.dat_r[32 * n : 32 * n + 32]) for n in range(lanes)}),
        ]  # fmt: skip
        # A beat that is read in the cycle that writes it may read as anything from block RAM: it is read again.
        met = (self._write.we != 0) & (self._write.adr == index)
        self.sync += bus.ack.eq(writes | (reads & ~met))

    def _add_clear(self) -> Signal:
        """Index of the beat to zero while `clearing`.

        Pages that nobody has written since they were last zeroed are passed over: a bit each tells.
        """
        page_bits = min(self._bits, (_PAGE // self._beat - 1).bit_length())
        index, last, low = Signal(self._bits), Signal(self._bits), self._beat.bit_length() - 1
        page, end = index[page_bits:] if self._bits > page_bits else Constant(0, 1), Signal()
        written = Memory(1, max(2, 1 << (self._bits - page_bits)))
        mark, look = written.get_port(write_capable=True), written.get_port(mode=READ_FIRST)
        self.specials += written, mark, look
        self.clear_fsm = fsm = FSM()
        whole = (1 << page_bits) - 1
        self.comb += [
            look.adr.eq(page), mark.dat_w.eq(1), mark.we.eq(self._write.we != 0),
            mark.adr.eq(self._write.adr[page_bits:] if self._bits > page_bits else 0),
            end.eq((index == last) | (index[:page_bits] == whole)), self.clearing.eq(~fsm.ongoing("IDLE")),
            self._erase.eq(fsm.ongoing("ZERO")),
        ]  # fmt: skip
        fsm.act("IDLE", If(self.clear, NextState("READ")))
        fsm.act("READ", NextState("LOOK"))
        fsm.act("LOOK", If(look.dat_r, NextState("ZERO")).Elif(index | whole == last | whole, NextState("IDLE")).Else(
            NextState("READ")))  # fmt: skip
        fsm.act("ZERO", If(index == last, NextState("IDLE")).Elif(end, NextState("READ")))
        # A page is unwritten again when it was zeroed whole.
        fresh = Signal()
        self.sync += [
            If(self.clear & fsm.ongoing("IDLE"), index.eq(self.clear_first[low:]), last.eq(self.clear_last[low:])),
            If(fsm.ongoing("LOOK"), fresh.eq(index[:page_bits] == 0)),
            If(fsm.ongoing("LOOK") & ~look.dat_r, index.eq((index | whole) + 1)),
            If(fsm.ongoing("ZERO"), index.eq(index + 1)),
        ]  # fmt: skip
        self.comb += If(fsm.ongoing("ZERO") & fresh & (index[:page_bits] == whole), mark.dat_w.eq(0))
        return index
