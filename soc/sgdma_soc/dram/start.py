"""Wakes a memory chip behind reset: LiteDRAM's list of commands, which elsewhere a CPU plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litedram.init import get_sdram_phy_init_sequence
from migen import Case, If, Module, Signal

__all__ = ["Start"]

_POWER_UP = 200e-6
"""Seconds that a chip wants stable supply and clock before anything else (JESD79-3F, 3.3.1; SDR: 100 to 200 us)."""
_BETWEEN = 64
"""Cycles behind every command, more than any chip's tMRD, tMOD, tRP and tRFC at the clocks of boards."""
_LINES = {"DFII_COMMAND_CS": "cs", "DFII_COMMAND_RAS": "ras", "DFII_COMMAND_CAS": "cas", "DFII_COMMAND_WE": "we",
          "DFII_CONTROL_CKE": "cke", "DFII_CONTROL_ODT": "odt", "DFII_CONTROL_RESET_N": "reset_n"}  # fmt: skip
_LEVELS = ("cke", "odt", "reset_n")


@dataclass(frozen=True)
class _Step:
    """What the lines carry for one cycle, and how many cycles pass behind it; levels stay."""

    address: int
    bank: int
    lines: frozenset[str]
    wait: int


class Start(Module):
    """Drives `dfi` (a record like the PHY's) until `done`; commands go by its first phase."""

    def __init__(self, dfi: Any, settings: Any, timing: Any, clock_hz: int) -> None:
        self.done = Signal()

        # # #

        steps = _steps(settings, timing, clock_hz)
        step, left = Signal(max=len(steps)), Signal(max=max(one.wait for one in steps) + 1)
        wait, issue = Signal.like(left), Signal(reset=1)
        first, levels = dfi.phases[0], {name: Signal(name=f"start_{name}") for name in _LEVELS}
        cases: dict[Any, list[Any]] = {}
        for number, one in enumerate(steps):
            cases[number] = [wait.eq(one.wait), *(level.eq(name in one.lines) for name, level in levels.items())]
            cases[number] += [If(issue, *(getattr(first, f"{name}_n").eq(name not in one.lines)
                                          for name in ("cs", "ras", "cas", "we")))]  # fmt: skip
            cases[number] += [first.address.eq(one.address), first.bank.eq(one.bank)]
        for phase in dfi.phases:
            self.comb += [phase.cs_n.eq(2 ** len(phase.cs_n) - 1), phase.ras_n.eq(1), phase.cas_n.eq(1),
                          phase.we_n.eq(1), phase.act_n.eq(1)]  # fmt: skip
            self.comb += [getattr(phase, name).eq(level) for name, level in levels.items()]
        self.comb += Case(step, cases)
        self.sync += If(~self.done,
            issue.eq(0),
            If(issue, left.eq(wait)).Elif(left != 0, left.eq(left - 1)).Elif(
                step == len(steps) - 1, self.done.eq(1)).Else(step.eq(step + 1), issue.eq(1)))  # fmt: skip


def _steps(settings: Any, timing: Any, clock_hz: int) -> list[_Step]:
    """Power-up, then LiteDRAM's sequence: words of control set the levels, all else is a command among them."""
    commands, _ = get_sdram_phy_init_sequence(settings, timing)
    steps = [_Step(0, 0, frozenset(), int(_POWER_UP * clock_hz))]
    levels: frozenset[str] = frozenset()
    for _, address, bank, words, delay in commands:
        lines = frozenset(_LINES[word] for word in words.split("|"))
        if lines & set(_LEVELS):
            levels = lines
        steps.append(_Step(address, bank, levels | lines, delay + _BETWEEN))
    return steps
