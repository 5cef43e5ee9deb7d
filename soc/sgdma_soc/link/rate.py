"""Time of the link: when half a frame is given up, and when a baud rate is."""

from __future__ import annotations

from litex.gen import If, LiteXModule, Signal

__all__ = ["Pace"]


class Pace(LiteXModule):
    """Counts milliseconds.

    `gap` is high for a cycle when `gap_ms` passed without a `byte`. `tuning` is the PHY's phase accumulator word,
    `change` sets it to `wanted`. From then on, and whenever `garbage` came, a frame must come that is `good`: after
    `patience_ms` without one the rate is what it was at reset.
    """

    def __init__(self, clk_freq: int, base: int, gap_ms: int, patience_ms: int) -> None:
        self.byte = Signal()
        self.good = Signal()
        self.garbage = Signal()
        self.change = Signal()
        self.wanted = Signal(32)
        self.gap = Signal()
        self.tuning = Signal(32, reset=base)

        # # #

        cycles = max(int(clk_freq) // 1000, 2)
        clock, tick = Signal(max=cycles), Signal()
        quiet, doubt, waited = Signal(max=gap_ms + 2), Signal(), Signal(max=patience_ms + 2)
        self.sync += [
            tick.eq(clock == 0),
            If(clock == 0, clock.eq(cycles - 1)).Else(clock.eq(clock - 1)),
            self.gap.eq(0),
            If(self.byte, quiet.eq(0)).Elif(tick & (quiet != gap_ms + 1),
                quiet.eq(quiet + 1), self.gap.eq(quiet == gap_ms)),
            If(tick & doubt, waited.eq(waited + 1)),
            If(waited == patience_ms + 1, self.tuning.eq(base), doubt.eq(0), waited.eq(0)),
            If(self.good, doubt.eq(0), waited.eq(0)).Elif(self.garbage, doubt.eq(1)),
            If(self.change, self.tuning.eq(self.wanted), doubt.eq(1), waited.eq(0)),
        ]  # fmt: skip
