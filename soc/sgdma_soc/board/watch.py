"""Between a master and the bus: an access that nobody answers ends with an error, not with a bus that stands still."""

from __future__ import annotations

from litex.gen import If, LiteXModule, Signal
from litex.soc.interconnect import wishbone

__all__ = ["BusWatch"]


class BusWatch(LiteXModule):
    """`master` on one side, `bus` on the other; an access not answered within `cycles` is answered by `err`.

    With `acknowledge` the answer is `ack` and all ones, for masters that know no errors (LiteX's UARTBone).
    """

    def __init__(self, cycles: int, *, acknowledge: bool = False) -> None:
        self.master = master = wishbone.Interface(data_width=32, address_width=32, addressing="word")
        self.bus = bus = wishbone.Interface(data_width=32, address_width=32, addressing="word")

        # # #

        late, waited = Signal(), Signal(max=cycles + 1)
        asked = master.cyc & master.stb
        self.comb += [
            bus.adr.eq(master.adr), bus.dat_w.eq(master.dat_w), bus.sel.eq(master.sel), bus.we.eq(master.we),
            bus.cyc.eq(master.cyc & ~late), bus.stb.eq(master.stb & ~late),
            master.dat_r.eq(bus.dat_r), master.ack.eq(bus.ack & ~late), master.err.eq(bus.err & ~late),
            If(late, (master.ack if acknowledge else master.err).eq(1), master.dat_r.eq(0xFFFFFFFF)),
        ]  # fmt: skip
        self.sync += [
            late.eq(asked & ~late & ~bus.ack & ~bus.err & (waited == cycles)),
            If(~asked | bus.ack | bus.err | late, waited.eq(0)).Elif(waited != cycles, waited.eq(waited + 1)),
        ]
