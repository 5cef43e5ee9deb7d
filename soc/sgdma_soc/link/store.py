"""Words of writes between their arrival and their checksum, and on to the bus: one block memory."""

from __future__ import annotations

from litex.gen import If, LiteXModule, Memory, Signal

__all__ = ["WriteStore"]


class WriteStore(LiteXModule):
    """A queue whose last words can be taken back.

    ::

        put, word ---> [ kept | on trial ] ---> first, take
                              keep: trial passed; drop: trial failed

    `first` is the oldest word, a cycle after `take` or `put` at the earliest. `overflow` tells that a word on trial had
    no place; a frame with it must be dropped.
    """

    def __init__(self, words: int) -> None:
        self.word = Signal(32)
        self.put = Signal()
        self.keep = Signal()
        self.drop = Signal()
        self.overflow = Signal()
        self.first = Signal(32)
        self.take = Signal()

        # # #

        memory = Memory(32, words)
        write, read = memory.get_port(write_capable=True), memory.get_port()
        self.specials += memory, write, read

        bits = words.bit_length()  # one more than an address: full and empty differ
        head, kept, tail, full = Signal(bits), Signal(bits), Signal(bits), Signal()
        self.comb += [
            full.eq((head ^ tail) == words),
            write.adr.eq(head), write.dat_w.eq(self.word), write.we.eq(self.put & ~full),
            read.adr.eq(tail), self.first.eq(read.dat_r),
        ]  # fmt: skip
        self.sync += [
            If(self.drop, head.eq(kept), self.overflow.eq(0))
            .Elif(self.put, If(full, self.overflow.eq(1)).Else(head.eq(head + 1))),
            If(self.keep, kept.eq(head)),
            If(self.take, tail.eq(tail + 1)),
        ]
