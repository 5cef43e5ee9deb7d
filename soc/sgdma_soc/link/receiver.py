"""Bytes from the line to commands in order: checksums, sequence numbers, and what is answered where they are wrong."""

from __future__ import annotations

from typing import Any

from litex.gen import FSM, Cat, If, LiteXModule, NextState, NextValue, Signal
from litex.soc.interconnect import stream

from sgdma.spec.link import BLOCK_WORDS, CHECKSUM_BYTES, DRY, HEADER, HEADER_BYTES, START, Kind
from sgdma_soc.link.crc import Crc32c
from sgdma_soc.link.store import WriteStore

__all__ = ["Receiver"]


class Receiver(LiteXModule):
    """Takes frames apart.

    ::

                                  +--> store (words of a write, kept when its checksum is right)
        sink --> HUNT .. JUDGE ---+
                                  +--> command (a header: what to execute or to answer)

    HUNT waits for START; HEADER, CHECK and BODY take bytes; JUDGE decides, in one cycle, while `sink` waits. A frame
    that finds `command` full is dropped: the host sends it again. `gap`: the line is quiet; half a frame is given up.
    """

    def __init__(self, store: WriteStore) -> None:
        self.sink = stream.Endpoint([("data", 8)])
        self.command = stream.Endpoint(list(HEADER))
        self.gap = Signal()
        self.good = Signal()  # one cycle: a header with a right checksum
        self.garbage = Signal()  # one cycle: a byte outside a frame, or a wrong checksum

        # # #

        self.store, self.crc = store, Crc32c()
        self.header = Signal(8 * HEADER_BYTES)
        self.kind, self.seq, self.tag, self.count, self.address = (Signal(size) for _, size in HEADER)
        self._split([self.kind, self.seq, self.tag, self.count, self.address])
        self.body, self.wrong = Signal(), Signal()  # the header is done; some checksum is wrong
        self._add_bytes()
        self._add_judgement()

    def _split(self, fields: list[Signal]) -> None:
        """Fields, in their order, from the header."""
        place = 0
        for field in fields:
            self.comb += field.eq(self.header[place : place + len(field)])
            place += len(field)

    def _add_bytes(self) -> None:
        sink, crc, store = self.sink, self.crc, self.store
        place, left, word, whole = Signal(4), Signal(max=BLOCK_WORDS + 1), Signal(32), Signal()
        self.comb += [crc.data.eq(sink.data), store.word.eq(word), store.put.eq(whole)]
        self.fsm = fsm = FSM(reset_state="HUNT")
        self.sync += whole.eq(fsm.ongoing("BODY") & sink.valid & (place == 3))
        fsm.act("HUNT",
            sink.ready.eq(1), crc.clear.eq(1), store.drop.eq(1),
            NextValue(place, 0), NextValue(self.body, 0), NextValue(self.wrong, 0),
            If(sink.valid, If(sink.data == START, NextState("HEADER")).Else(self.garbage.eq(1))),
        )  # fmt: skip
        fsm.act("HEADER",
            sink.ready.eq(1),
            If(sink.valid,
                crc.absorb.eq(1), NextValue(self.header, Cat(self.header[8:], sink.data)), NextValue(place, place + 1),
                If(place == HEADER_BYTES - 1, NextValue(place, 0), NextState("CHECK")),
            ).Elif(self.gap, NextValue(self.wrong, 1), NextState("JUDGE")),
        )  # fmt: skip
        fsm.act("BODY",
            sink.ready.eq(1),
            If(sink.valid,
                crc.absorb.eq(1), NextValue(word, Cat(word[8:], sink.data)), NextValue(place, place + 1),
                If(place == 3,
                    NextValue(place, 0), NextValue(left, left - 1),
                    If(left == 1, NextState("CHECK")),
                ),
            ).Elif(self.gap, NextValue(self.wrong, 1), NextState("JUDGE")),
        )  # fmt: skip
        fsm.act("CHECK",
            sink.ready.eq(1),
            If(sink.valid,
                crc.turn.eq(1), NextValue(place, place + 1), If(sink.data != crc.low, NextValue(self.wrong, 1)),
                If(place == CHECKSUM_BYTES - 1, NextValue(place, 0), NextState("JUDGE")),
            ).Elif(self.gap, NextValue(self.wrong, 1), NextState("JUDGE")),
        )  # fmt: skip
        self.more = Signal()
        fsm.act("JUDGE",
            NextValue(left, self.count),
            If(self.more, NextValue(self.body, 1), NextState("BODY")).Else(NextState("HUNT")),
        )
        self.judging = fsm.ongoing("JUDGE")

    def _add_judgement(self) -> None:
        is_write, fits, first, past = Signal(), Signal(), Signal(), Signal()
        synced, said, expected, ahead = Signal(), Signal(), Signal(8), Signal(8)
        in_order, plain = Signal(), self.kind & ~DRY
        self.sync += [  # the header stands still while its checksum comes
            is_write.eq(plain == Kind.WRITE), fits.eq(self.count <= BLOCK_WORDS), ahead.eq(self.seq - expected),
            in_order.eq((plain == Kind.READ) | (self.kind == Kind.CHECK) | (self.kind == Kind.RATE)),
        ]  # fmt: skip
        self.comb += [
            first.eq(ahead == 0), past.eq(ahead[7]),
            self.more.eq(is_write & fits & (self.count != 0) & ~self.body & ~self.wrong),
        ]  # fmt: skip
        answer, taken, begun = self.command, Signal(), Signal()
        self._split([answer.kind, answer.seq, answer.tag, answer.count, answer.address])
        self.comb += [
            answer.seq.eq(expected),
            If(self.judging & ~self.more,
                self._verdict(is_write, first, past, in_order, synced, said, fits, expected, taken, begun)),
            If(self.judging & ~self.wrong, self.good.eq(1)),
            If(self.judging & self.wrong, self.garbage.eq(1)),
            self.store.keep.eq(taken & answer.ready),
        ]  # fmt: skip
        self.sync += If(answer.valid & answer.ready,
            said.eq(answer.kind == Kind.BROKEN),
            If(taken, expected.eq(expected + 1)), If(begun, expected.eq(self.seq), synced.eq(1)),
        )  # fmt: skip

    def _verdict(self, is_write: Any, first: Any, past: Any, in_order: Any, synced: Any, said: Any, fits: Any,
                 expected: Any, taken: Any, begun: Any) -> Any:  # fmt: skip
        """What a whole frame leads to. `taken`: a write in its turn; `begun`: a session."""
        answer = self.command
        refuse = [answer.kind.eq(Kind.GAP), answer.valid.eq(1)]
        complain = [answer.kind.eq(Kind.BROKEN), answer.valid.eq(synced & ~said)]
        fresh = If(~synced, answer.kind.eq(Kind.FRESH))
        again = [answer.kind.eq(Kind.AGAIN), answer.valid.eq(1)]
        write = If(first & ~self.store.overflow, answer.seq.eq(expected + 1), answer.valid.eq(1), taken.eq(1)).Elif(
            past, *again).Else(*refuse)  # fmt: skip
        return (
            If(self.wrong | (is_write & ~fits), *complain)
            .Elif(self.kind == Kind.HELLO, answer.seq.eq(self.seq), answer.valid.eq(1), begun.eq(1), fresh)
            .Elif(~synced, answer.kind.eq(Kind.LOST), answer.valid.eq(1))
            .Elif(is_write, write)
            .Elif(in_order & first, answer.valid.eq(1))
            .Else(*refuse)
        )
