"""Commands to bus accesses and answers, one after the other, byte by byte."""

from __future__ import annotations

from typing import Any

from litex.gen import FSM, Array, Case, Cat, Constant, If, LiteXModule, NextState, NextValue, Signal
from litex.soc.interconnect import stream, wishbone

from sgdma.spec.link import (
    ANSWER,
    BLOCK_WORDS,
    CHECKSUM_BYTES,
    DRY,
    FAULT,
    HEADER,
    HEADER_BYTES,
    HELLO_WORDS,
    START,
    VERSION,
    WINDOW,
    Kind,
)
from sgdma_soc.link.crc import Crc32c
from sgdma_soc.link.store import WriteStore

__all__ = ["Executor"]


class Executor(LiteXModule):
    """Does what a command says and answers it.

    ::

        command --> BEGIN -+-> STORED <-> WRITE -----------------+
                           |                                     v
                           +-> FETCH <-> WORD --> SUM (CHECK) -> HEADER --> CHECKSUM --> END
                           |                                     |          ^
                           +-------------------------------------+          |
                                                  FETCH <-> WORD -----------+

    A READ's words go out as they come from the bus; an error freezes the address and zeros follow, so that the status
    word behind them can name it. Errors of writes stay, for every answer to a write to tell, until a HELLO or an empty
    write. The byte register in front of `source` hides the bus: the line waits only for words that take longer.
    """

    def __init__(self, store: WriteStore, numbers: list[int]) -> None:
        """`numbers`: clock in Hz, fastest and first rate in baud, for the answer to a HELLO."""
        self.command = stream.Endpoint(list(HEADER))
        self.source = stream.Endpoint([("data", 8)])
        self.wishbone = wishbone.Interface(data_width=32, address_width=32, addressing="word")
        self.change = Signal()  # one cycle: the answer to a RATE has left; its address is the tuning word

        # # #

        self.store, self.crc = store, Crc32c(late=True)
        self.place, self.left, self.address = Signal(4), Signal(16), Signal(30)
        self.word, self.failed = Signal(32), Signal()
        self.summing, self.tail, self.last = Signal(), Signal(), Signal()  # CHECK's way over memory; body, status sent
        self._decode()
        self._add_output()
        self.fsm = FSM(reset_state="BEGIN")
        self._add_begin()
        self._add_writes()
        self._add_fetch(numbers)
        self._add_frame()

    def _decode(self) -> None:
        command, plain = self.command, self.command.kind & ~DRY
        self.is_write, self.is_read, self.is_check = Signal(), Signal(), Signal()
        self.is_hello, self.dry = Signal(), Signal()
        self.comb += [
            self.is_write.eq(plain == Kind.WRITE), self.is_read.eq(plain == Kind.READ),
            self.is_check.eq(command.kind == Kind.CHECK), self.is_hello.eq(plain == Kind.HELLO),
            self.dry.eq((command.kind & DRY) != 0),
        ]  # fmt: skip

    def _add_output(self) -> None:
        """`offer` a byte `data`; it is gone when `room` is high."""
        source, self.offer, self.data, self.room = self.source, Signal(), Signal(8), Signal()
        self.comb += [self.room.eq(~source.valid | source.ready), self.crc.data.eq(self.data)]
        self.sync += If(self.room, source.valid.eq(self.offer), source.data.eq(self.data))

    def _add_begin(self) -> None:
        command = self.command
        self.fsm.act("BEGIN",
            self.crc.clear.eq(1),
            NextValue(self.address, command.address[2:]), NextValue(self.left, command.count),
            NextValue(self.place, 0), NextValue(self.tail, 0), NextValue(self.last, 0), NextValue(self.failed, 0),
            NextValue(self.summing, self.is_check),
            If(command.valid,
                NextState("HEADER"),
                If(self.is_check & (command.count != 0), NextState("FETCH")),
                If(self.is_write & (command.count != 0), NextState("STORED")),
            ),
        )  # fmt: skip
        self.fsm.act("END",
            # A RATE holds once the last byte of its answer is out.
            If((command.kind != Kind.RATE) | ~self.source.valid,
                command.ready.eq(1), self.change.eq(command.kind == Kind.RATE), NextState("BEGIN")),
        )  # fmt: skip

    def _add_writes(self) -> None:
        bus, store = self.wishbone, self.store
        fault, place = Signal(), Signal(30)
        self.write_status = Cat(Constant(FAULT, 2) & Cat(fault, fault), place & Cat(*[fault] * 30))
        self.comb += [bus.adr.eq(self.address), bus.dat_w.eq(store.first), bus.sel.eq(0xF), bus.stb.eq(bus.cyc)]
        self.fsm.act("STORED", NextState("WRITE"))  # the block memory's cycle
        self.fsm.act("WRITE",
            bus.cyc.eq(~self.dry), bus.we.eq(1),
            If(bus.ack | bus.err | self.dry,
                store.take.eq(1), NextValue(self.address, self.address + 1), NextValue(self.left, self.left - 1),
                If(self.left == 1, NextState("HEADER")).Else(NextState("STORED")),
            ),
        )  # fmt: skip
        forget = self.is_hello | (self.is_write & (self.command.count == 0))
        self.sync += [
            If(bus.cyc & bus.we & bus.err & ~fault, fault.eq(1), place.eq(self.address)),
            If(self.fsm.ongoing("BEGIN") & self.command.valid & forget, fault.eq(0)),
        ]

    def _add_fetch(self, numbers: list[int]) -> None:
        bus, low = self.wishbone, self.address[:16]
        told = [VERSION | WINDOW << 8 | BLOCK_WORDS << 16, *numbers]
        told += [0] * (HELLO_WORDS - len(told))
        index = Signal(max=HELLO_WORDS)
        self.comb += index.eq(0 - self.left[: len(index)])
        self.fsm.act("FETCH",
            If(self.is_hello, NextValue(self.word, Array(told)[index]), NextState("WORD"))
            .Elif(self.dry, NextValue(self.word, Cat(low, ~low)), NextState("WORD"))
            .Elif(self.failed, NextValue(self.word, 0), NextState("WORD"))
            .Else(
                bus.cyc.eq(1), NextValue(self.word, bus.dat_r),
                If(bus.err, NextValue(self.failed, 1), NextValue(self.word, 0)),
                If(bus.ack | bus.err, NextState("WORD")),
            ),
        )  # fmt: skip

    def _add_frame(self) -> None:
        self._add_header()
        self._add_words()
        crc, body = self.crc, self.is_read | self.is_check | self.is_hello
        self.fsm.act("CHECKSUM",
            self.offer.eq(1), self.data.eq(crc.low),
            If(self.room,
                crc.turn.eq(1), NextValue(self.place, self.place + 1),
                If(self.place == CHECKSUM_BYTES - 1,
                    NextValue(self.place, 0), NextValue(self.tail, 1), NextState("END"),
                    If(body & ~self.tail,
                        NextState("FETCH"),
                        If(self.is_check | (self.left == 0), NextState("STATUS")),
                        If(self.is_check, NextState("WORD")),
                    ),
                ),
            ),
        )  # fmt: skip

    def _add_header(self) -> None:
        command, status = self.command, Signal(32)
        wrote = self.is_write | (command.kind == Kind.AGAIN)
        self.comb += [status.eq(command.address), If(wrote, status.eq(self.write_status))]
        header = Cat(command.kind | ANSWER, command.seq, command.tag, command.count, status)
        places = {0: self.data.eq(START)} | {
            1 + place: self.data.eq(header[8 * place : 8 * place + 8]) for place in range(HEADER_BYTES)}  # fmt: skip
        self.fsm.act("HEADER",
            self.offer.eq(1), Case(self.place, places),
            If(self.room,
                self.crc.absorb.eq(self.place != 0), NextValue(self.place, self.place + 1),
                If(self.place == HEADER_BYTES, NextValue(self.place, 0), NextState("SETTLE")),
            ),
        )  # fmt: skip

    def _add_words(self) -> None:
        crc, done = self.crc, Signal()
        advance = [
            NextValue(self.place, 0), NextValue(self.left, self.left - 1),
            If(~self.failed, NextValue(self.address, self.address + 1)),
        ]  # fmt: skip
        self.comb += done.eq(self.room | self.summing)
        after: Any = (
            If(self.last, NextState("SETTLE"))
            .Elif(self.summing, If(self.left == 1, NextState("SETTLE")).Else(NextState("FETCH")))
            .Elif(self.is_check | (self.left == 1), NextState("STATUS"))
            .Else(NextState("FETCH"))
        )
        self.fsm.act("WORD",
            self.offer.eq(~self.summing), self.data.eq(self.word[:8]),
            If(done,
                crc.absorb.eq(1), NextValue(self.word, self.word[8:]), NextValue(self.place, self.place + 1),
                If(self.place == 3, *advance, after),
            ),
        )  # fmt: skip
        self.fsm.act("SETTLE",  # the checksum takes in its last byte
            If(self.summing, NextState("SUM")).Else(NextState("CHECKSUM")))
        self.fsm.act("SUM",  # a CHECK's answer begins
            crc.clear.eq(1), NextValue(self.word, crc.value), NextValue(self.summing, 0), NextState("HEADER"))
        self.fsm.act("STATUS",
            NextValue(self.word, 0), NextValue(self.last, 1), NextState("WORD"),
            If(self.failed, NextValue(self.word, Cat(Constant(FAULT, 2), self.address))),
        )  # fmt: skip
