"""The firmware of a board's CPU, from the host: its mailbox, its console, the programmes it is given."""

from __future__ import annotations

import numpy as np

from sgdma.engine.programme import SCENARIO_ALIGN, Outcome, Rings, Scenario
from sgdma.errors import FirmwareError, MissingCapability
from sgdma.rules import RuleSet
from sgdma.spec.mailbox import (
    CONSOLE_BYTES,
    FIRMWARE_MAGIC,
    MAILBOX,
    FirmwareCommand,
    FirmwareState,
    RunnerFault,
)
from sgdma.spec.registers import map_hash
from sgdma.targets import Target
from sgdma.targets.board import BoardTarget

__all__ = ["Firmware", "SelfTest"]

BOOT = 50_000_000
"""Cycles that a self-test takes at most."""


class SelfTest:
    """Outcome of a self-test: the result word, and the TAP lines of the console. `good`: all passed, and it ended."""

    def __init__(self, word: int, tap: str) -> None:
        self.passed, self.failed, self.tap = word & 0xFFFF, word >> 16 & 0x7FFF, tap
        self.good = bool(word >> 31) and not self.failed and self.passed > 0


class Firmware:
    """The CPU of the board behind `target`. Raises MissingCapability when it has none, FirmwareError."""

    def __init__(self, target: Target) -> None:
        base = target.read_board("mailbox") if isinstance(target, BoardTarget) and target.has("cpu") else 0
        if not base or not isinstance(target, BoardTarget):
            raise MissingCapability(f"{target.url}: has no CPU with firmware; `sgdma serve --uart` and "
                                    "`sgdma build BOARD --cpu` make boards that have one")  # fmt: skip
        self.target, self._base = target, base
        if not target.poll_until(lambda: self.read("magic") == FIRMWARE_MAGIC, BOOT):
            raise FirmwareError(f"{target.url}: the CPU has not booted (mailbox {self.read('magic'):#010x})")
        if self.read("map_hash") != map_hash():
            theirs = self.read("map_hash")
            raise FirmwareError(f"{target.url}: firmware of register map {theirs:#010x}, this host knows "
                                f"{map_hash():#010x}; build the bitstream anew")  # fmt: skip

    def read(self, name: str) -> int:
        """A word of the mailbox."""
        return self.target.read32(self._base + self._offset(name))

    def write(self, name: str, value: int) -> None:
        """Write a word of the mailbox."""
        self.target.write32(self._base + self._offset(name), value)

    def console(self, since: int = 0) -> tuple[str, int]:
        """What was written to the console after byte number `since` (what is left of it), and the number reached."""
        head = self.read("console_head")
        start = max(since, head - CONSOLE_BYTES)
        ring = self.target.read_block(self._base + MAILBOX.itemsize, CONSOLE_BYTES // 4).astype("<u4").view(np.uint8)
        text = ring[np.arange(start, head) % CONSOLE_BYTES].tobytes().decode("ascii", "replace")
        return text, head

    def boot_test(self) -> SelfTest:
        """Outcome of the self-test that the board made by itself when it was reset."""
        if not self.target.poll_until(lambda: self.read("selftest") >> 31 == 1, BOOT):
            raise self._hung("the self-test")
        text, _ = self.console()
        return SelfTest(self.read("selftest"), text[text.rfind("TAP version") :])

    def restart(self) -> SelfTest:
        """Boot the CPU anew: its self-test with it."""
        self.target.write_board("control", 1)
        self.write("magic", 0)
        self.write("selftest", 0)
        self.target.write_board("control", 0)
        if not self.target.poll_until(lambda: self.read("magic") == FIRMWARE_MAGIC, BOOT):
            raise self._hung("boot")
        return self.boot_test()

    def run(self, scenario: Scenario, rules: RuleSet, queues: int, limit: int = 1 << 40) -> Outcome:
        """Let the CPU go through a scenario with `queues` queue pairs; waits `limit` cycles at most.

        Raises OutOfMemory when board memory can't hold it, FirmwareError when the CPU does not come back.
        """
        stride = Rings.lay(rules, 0, queues)
        programme = scenario.encode(rules, 0, stride)
        memory = -(-scenario.memory // 65536) * 65536
        region = self.target.allocate(memory + stride.size + len(programme) + 65536, SCENARIO_ALIGN)
        try:
            rings = Rings.lay(rules, region.iova + memory, queues)
            place = rings.base + rings.size
            words = np.frombuffer(scenario.encode(rules, region.iova, rings), "<u4")
            self.target.write_block(place, words)
            self._command(FirmwareCommand.RUN, place, limit)
            return self._outcome()
        finally:
            self.target.free(region)

    def _command(self, command: FirmwareCommand, argument: int, limit: int) -> None:
        if self.read("state") == FirmwareState.TRAP:
            raise self._hung("an earlier command")
        ticket = self.read("ticket") + 1 & 0xFFFFFFFF
        self.write("command", command)
        self.write("argument", argument)
        self.write("ticket", ticket)
        if not self.target.poll_until(lambda: self.read("done") == ticket, limit, step=4096):
            raise self._hung(f"command {command.name}")

    def _outcome(self) -> Outcome:
        words = self.target.read_block(self._base, MAILBOX.itemsize // 4)
        box = words.astype("<u4").view(MAILBOX)[0]
        first = tuple(int(box[f"first_{name}"]) for name in ("round", "job", "got", "expected", "bytes"))
        return Outcome(
            RunnerFault(int(box["fault"])), int(box["requests"]), int(box["completions"]), int(box["digest"]),
            int(box["bytes_lo"]) | int(box["bytes_hi"]) << 32, int(box["cycles_lo"]) | int(box["cycles_hi"]) << 32,
            first,  # type: ignore[arg-type]
        )  # fmt: skip

    def _hung(self, what: str) -> FirmwareError:
        state = self.read("state")
        told = f"state {state}"
        if state == FirmwareState.TRAP:
            told = f"exception {self.read('trap_cause')} at {self.read('trap_pc'):#010x}"
        return FirmwareError(f"{self.target.url}: the CPU has not ended {what} ({told}); restart() boots it anew")

    @staticmethod
    def _offset(name: str) -> int:
        fields = MAILBOX.fields
        assert fields is not None
        return int(fields[name][1])
