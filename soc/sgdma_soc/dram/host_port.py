"""The way to DMA memory for all but the core: words on the bus, and zeroing of what was written."""

from __future__ import annotations

from litedram.common import LiteDRAMNativePort
from litex.soc.interconnect import wishbone
from migen import FSM, READ_FIRST, Case, Cat, If, Memory, Module, NextState, NextValue, Signal

__all__ = ["HostPort"]

_CLEARING = 16
"""Beats of zeroes that may be under way."""
_PAGE = 4096


class HostPort(Module):
    """`wishbone` and `clear` as BlockMemory has them, through `port`; before `ready` words are bus errors.

    Pages that nobody has written since they were last zeroed are passed over: a bit each tells. `mark` (a cycle) with
    `mark_page` sets one for a write that the core's port has just commanded.
    """

    def __init__(self, like: LiteDRAMNativePort, size: int) -> None:
        self.ready = Signal()
        self.port = LiteDRAMNativePort("both", like.address_width, like.data_width)
        self.wishbone = wishbone.Interface(data_width=32, adr_width=30, addressing="word")
        self.clear, self.clearing = Signal(), Signal()
        self.clear_first, self.clear_last = Signal(32), Signal(32)  # byte addresses
        self._beat = like.data_width // 8
        self._bits = (size // self._beat - 1).bit_length()
        self.page_bits = (_PAGE // self._beat - 1).bit_length()
        self.mark, self.mark_page = Signal(), Signal(self._bits - self.page_bits)

        # # #

        pages = 2 ** len(self.mark_page)
        marks = Memory(1, pages)
        self._set, self._look = marks.get_port(write_capable=True), marks.get_port(mode=READ_FIRST)
        self.specials += marks, self._set, self._look
        self.submodules.fsm = fsm = FSM(reset_state="FORGET")
        self._add_forgetting(fsm, pages)
        self._add_words(fsm)
        self._add_clear(fsm)

    def _add_forgetting(self, fsm: FSM, pages: int) -> None:
        """FORGET: behind a reset all pages are marked, as the chip was not refreshed and training writes to it."""
        page = Signal(max=max(pages, 2))
        fsm.act("FORGET",
            self._set.adr.eq(page), self._set.dat_w.eq(1), self._set.we.eq(1), NextValue(page, page + 1),
            If(page == pages - 1, NextState("IDLE")))  # fmt: skip

    def _add_words(self, fsm: FSM) -> None:
        bus, port, lanes = self.wishbone, self.port, self._beat // 4
        lane_bits = lanes.bit_length() - 1
        lane, index, image = bus.adr[:lane_bits], bus.adr[lane_bits:][: self._bits], bus.adr[lane_bits + self._bits :]
        sent, taken, asked = Signal(), Signal(), Signal()
        self.comb += [
            port.cmd.last.eq(1), port.cmd.addr.eq(index), port.rdata.ready.eq(1),
            port.wdata.data.eq(Cat(*[bus.dat_w] * lanes)),
            Case(lane, {n: port.wdata.we.eq((bus.sel & ~image[:4]) << 4 * n) for n in range(lanes)}),
            self._set.adr.eq(index[self.page_bits :]), self._set.dat_w.eq(1),
            If(self.mark, self._set.adr.eq(self.mark_page), self._set.we.eq(1)),
        ]  # fmt: skip
        self.sync += asked.eq(bus.cyc & bus.stb & ~bus.ack)  # a cycle late: the bus' way here is long
        fsm.act("IDLE",
            If(asked & ~self.ready, bus.err.eq(1), bus.ack.eq(1)).Elif(asked & bus.we, NextState("MARK")).Elif(
                asked, NextState("READ")).Elif(self.clearing, NextState("PAGE")))  # fmt: skip
        fsm.act("MARK", self._set.we.eq(1), If(~self.mark, NextState("WRITE")))
        fsm.act("WRITE",
            port.cmd.valid.eq(~sent), port.cmd.we.eq(1), port.wdata.valid.eq(~taken),
            If(port.cmd.ready, NextValue(sent, 1)), If(port.wdata.ready, NextValue(taken, 1)),
            If(sent & taken, NextValue(sent, 0), NextValue(taken, 0), NextState("DONE")))  # fmt: skip
        fsm.act("READ", port.cmd.valid.eq(1), If(port.cmd.ready, NextState("DATA")))
        words = {n: NextValue(bus.dat_r, port.rdata.data[32 * n : 32 * n + 32]) for n in range(lanes)}
        fsm.act("DATA", If(port.rdata.valid, Case(lane, words), NextState("DONE")))
        fsm.act("DONE", bus.ack.eq(1), NextState("IDLE"))

    def _add_clear(self, fsm: FSM) -> None:
        """PAGE: zeroes for the beats from `clear_first` to `clear_last`, a page at a time, words in between.

        A page's mark is taken away ahead of the zeroes: a write that is commanded meanwhile sets it again.
        """
        port, low = self.port, self._beat.bit_length() - 1
        index, last, more = Signal(self._bits), Signal(self._bits), Signal()
        level, took, gave = Signal(max=_CLEARING + 1), Signal(), Signal()
        within = 2**self.page_bits - 1
        page_end, at_end = Signal(self._bits), Signal()
        self.comb += [
            page_end.eq(index | within), at_end.eq((last | within) == page_end),
            self._look.adr.eq(index[self.page_bits :]),
        ]  # fmt: skip
        leave = [NextState("IDLE"), NextValue(index, page_end + 1), If(at_end, NextValue(self.clearing, 0))]
        self.sync += [
            level.eq(level + took - gave),
            If(self.clear & ~self.clearing,
                index.eq(self.clear_first[low:]), last.eq(self.clear_last[low:]), self.clearing.eq(1)),
        ]  # fmt: skip
        fsm.act("PAGE", NextState("LOOK"))
        fsm.act("LOOK",
            NextValue(more, 1),
            If(~self._look.dat_r, *leave).Elif((index[: self.page_bits] == 0) & (last >= page_end), NextState("UNMARK"))
            .Else(NextState("CLEAR")))  # fmt: skip
        fsm.act("UNMARK",
            If(~self.mark, self._set.adr.eq(index[self.page_bits :]), self._set.dat_w.eq(0), self._set.we.eq(1),
                NextState("CLEAR")))  # fmt: skip
        fsm.act("CLEAR",
            port.cmd.valid.eq(more & (level != _CLEARING)), port.cmd.we.eq(1), port.cmd.addr.eq(index),
            port.wdata.valid.eq(1), port.wdata.data.eq(0), port.wdata.we.eq(2**self._beat - 1),
            took.eq(port.cmd.valid & port.cmd.ready), gave.eq(port.wdata.ready),
            If(took, NextValue(more, (index != last) & (index != page_end)),
                If(index != page_end, NextValue(index, index + 1))),
            If(~more & (level == 0), *leave))  # fmt: skip
