"""Finds, byte lane by byte lane, the delays at which memory gives back what was written; tells when there are none."""

from __future__ import annotations

import random

from litedram.common import LiteDRAMNativePort
from migen import FSM, Array, Case, Cat, If, Module, Mux, NextState, NextValue, Signal

__all__ = ["Delays", "Train"]

_WORDS = 4
_SETTLE = 64
"""Cycles that a PHY is given behind a change of its delays."""
_PAUSE = 8
"""Cycles of them for which all of it stands still."""


class Delays:
    """What a PHY's delays are set by, for `lanes` byte lanes.

    Of the lanes in `select`, `reset` zeroes delay and bit slip, `step` and `slip` (a cycle each) raise them by one,
    up to `delays` - 1 and `slips` - 1. `clear` forgets, and `burst` tells, which lanes saw the strobes of a read since.
    """

    def __init__(self, lanes: int, delays: int = 1, slips: int = 1) -> None:
        self.lanes, self.delays, self.slips = lanes, delays, slips
        self.select = Signal(lanes)
        self.reset, self.step, self.slip, self.clear = Signal(), Signal(), Signal(), Signal()
        self.burst = Signal(lanes, reset=2**lanes - 1)


class Train(Module):
    """Tries all delays of `delays` by writing and reading through `port`, which is its own until `done`.

    Each lane is then set to the middle of the longest row of delays that worked, and tried once more: `failed` when one
    has no row, or does not work now. `lanes` is what was found, 8 bits a lane: delay (3), bit slip (2), how many delays
    in a row worked (3, 7 for more). Begins with `start`. A PHY without delays is tried at the one point there is.
    """

    def __init__(self, like: LiteDRAMNativePort, delays: Delays) -> None:
        self.start, self.done, self.failed = Signal(), Signal(), Signal()
        self.port = LiteDRAMNativePort("both", like.address_width, like.data_width)
        count = delays.lanes
        self.lanes = Signal(8 * count)

        # # #

        self._delays, self._scanning = delays, Signal(reset=1)
        self.lane_delay = Array(Signal(max=max(delays.delays, 2)) for _ in range(count))
        self.lane_slip = Array(Signal(max=max(delays.slips, 2)) for _ in range(count))
        self.lane_width = Array(Signal(max=delays.delays + 1) for _ in range(count))
        for lane in range(count):
            width, told = self.lane_width[lane], self.lanes[8 * lane : 8 * lane + 8]
            self.comb += [told[:3].eq(self.lane_delay[lane]), told[3:5].eq(self.lane_slip[lane]),
                          told[5:].eq(Mux(width > 7, 7, width))]  # fmt: skip
        self._delay, self._slip = Signal.like(self.lane_delay[0]), Signal.like(self.lane_slip[0])  # tried
        self._lane = Signal(max=max(count, 2))  # set to what was found, once all were tried
        self._good = Signal(count)
        self.submodules.fsm = fsm = FSM()
        fsm.act("WAIT", If(self.start, NextState("RESET")))
        self._add_setting(fsm)
        self._add_trial(fsm)
        self._add_verdict(fsm)
        fsm.act("DONE", self.done.eq(1))

    def _add_setting(self, fsm: FSM) -> None:
        """RESET: set all lanes to what is tried, or each to what was found for it; then let the PHY settle."""
        delays, count = self._delays, Signal(max=_SETTLE)
        every, delay, slip = 2**delays.lanes - 1, Signal.like(self._delay), Signal.like(self._slip)
        self.comb += [
            delay.eq(Mux(self._scanning, self._delay, self.lane_delay[self._lane])),
            slip.eq(Mux(self._scanning, self._slip, self.lane_slip[self._lane])),
        ]  # fmt: skip
        select = delays.select.eq(Mux(self._scanning, every, 1 << self._lane))
        self.sync += If(fsm.ongoing("SET") | fsm.ongoing("SETTLE"), count.eq(count + 1)).Else(count.eq(0))
        fsm.act("RESET", select, delays.reset.eq(1), NextState("SET"))
        fsm.act("SET",
            select, delays.step.eq(count < delay), delays.slip.eq(count < slip),
            If(count == max(delays.delays, delays.slips),
                NextValue(self._lane, self._lane + 1), NextState("RESET"),
                If(self._scanning | (self._lane == delays.lanes - 1), NextState("APART"))))  # fmt: skip
        fsm.act("APART", NextState("SETTLE"))  # nothing is selected, and the count begins anew
        # The ECP5's strobe logic stands still while it is selected: all lanes must go on in the same cycle.
        fsm.act("SETTLE",
            If(count < _PAUSE, delays.select.eq(every)), delays.clear.eq(1),
            If(count == _SETTLE - 1, NextState("WRITE")))  # fmt: skip

    def _add_trial(self, fsm: FSM) -> None:
        """WRITE: some words are written and read; `_good` tells which lanes gave back what was written."""
        port, lanes = self.port, self._delays.lanes
        words, random_ = port.data_width, random.Random("a pattern for training")
        place, pattern, taken, wrong = Signal(max=_WORDS), Signal(words), Signal(), Signal(lanes)
        self.comb += [
            Case(place, {number: pattern.eq(random_.getrandbits(words)) for number in range(_WORDS)}),
            port.cmd.addr.eq(place), port.cmd.last.eq(1), port.wdata.data.eq(pattern),
            port.wdata.we.eq(2 ** len(port.wdata.we) - 1), port.rdata.ready.eq(1),
        ]  # fmt: skip
        for lane in range(lanes):
            differs = [port.rdata.data[8 * byte : 8 * byte + 8] != pattern[8 * byte : 8 * byte + 8]
                       for byte in range(lane, words // 8, lanes)]  # fmt: skip
            self.comb += wrong[lane].eq(Cat(*differs) != 0)
        fsm.act("WRITE",
            port.cmd.valid.eq(~taken), port.cmd.we.eq(1), port.wdata.valid.eq(1),
            If(port.cmd.ready, NextValue(taken, 1)),
            If(port.wdata.ready,
                NextValue(taken, 0), NextValue(place, place + 1),
                If(place == _WORDS - 1, NextValue(self._good, 2**lanes - 1), NextState("READ"))))  # fmt: skip
        fsm.act("READ", port.cmd.valid.eq(1), If(port.cmd.ready, NextState("DATA")))
        fsm.act("DATA",
            If(port.rdata.valid,
                NextValue(self._good, self._good & ~wrong), NextValue(place, place + 1), NextState("READ"),
                If(place == _WORDS - 1, NextState("JUDGE"))))  # fmt: skip

    def _add_verdict(self, fsm: FSM) -> None:
        """JUDGE: note what worked, and go on to the next delay, to the lanes' own settings, or to the end."""
        delays, good = self._delays, Signal(self._delays.lanes)
        last_delay, last_slip = self._delay == delays.delays - 1, self._slip == delays.slips - 1
        self.comb += good.eq(self._good & delays.burst)
        for lane in range(delays.lanes):
            run, grown = Signal(max=delays.delays + 1), Signal(max=delays.delays + 1)
            self.comb += If(good[lane], grown.eq(run + 1))
            self.sync += If(fsm.ongoing("JUDGE") & self._scanning,
                run.eq(Mux(last_delay, 0, grown)),
                If(grown > self.lane_width[lane],
                    self.lane_width[lane].eq(grown), self.lane_slip[lane].eq(self._slip),
                    self.lane_delay[lane].eq(self._delay - (grown >> 1))))  # fmt: skip
        fsm.act("JUDGE",
            NextState("RESET"),
            If(~self._scanning, NextValue(self.failed, good != 2**delays.lanes - 1), NextState("DONE")).Elif(
                ~last_delay, NextValue(self._delay, self._delay + 1)).Else(
                NextValue(self._delay, 0), NextValue(self._slip, self._slip + 1),
                If(last_slip, NextValue(self._scanning, 0), NextValue(self._lane, 0))))  # fmt: skip
