"""The way to SDRAM for all but the core, in migen's simulator: words, zeroing, and pages that need none."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from litedram.common import LiteDRAMNativePort
from migen import ResetInserter, passive, run_simulation

from sgdma_soc.dram.host_port import HostPort

SIZE, BEAT, PAGE = 16384, 8, 4096


class Bench:
    """A host port on memory that takes its time. `beats`: what it holds; `written`: beats in order of their writes."""

    def __init__(self) -> None:
        self.port = ResetInserter()(HostPort(LiteDRAMNativePort("both", 20, 8 * BEAT), SIZE))
        self.beats, self.written = [0x1111_2222_3333_4444] * (SIZE // BEAT), list[int]()
        self.chance = random.Random(1)

    def run(self, steps: Iterator[Any], *beside: Iterator[Any], ready: bool = True) -> None:
        def start() -> Iterator[Any]:
            yield self.port.ready.eq(int(ready))
            yield from steps

        run_simulation(self.port, [start(), self.memory(), *beside])

    @passive  # type: ignore[untyped-decorator]
    def memory(self) -> Iterator[Any]:
        """Commands one by one; a write's data is taken some cycles behind its command."""
        port = self.port.port
        while True:
            yield port.cmd.ready.eq(1)
            yield
            if not (yield port.cmd.valid) or not (yield port.cmd.ready):
                continue
            place, write = (yield port.cmd.addr), (yield port.cmd.we)
            yield port.cmd.ready.eq(0)
            for _ in range(self.chance.randrange(3)):
                yield
            if write:
                yield port.wdata.ready.eq(1)
                yield
                assert (yield port.wdata.valid), "no data where LiteDRAM takes it"
                data, lanes = (yield port.wdata.data), (yield port.wdata.we)
                mask = sum(0xFF << 8 * lane for lane in range(BEAT) if lanes >> lane & 1)
                self.beats[place] = self.beats[place] & ~mask | data & mask
                self.written.append(place)
                yield port.wdata.ready.eq(0)
            else:
                yield port.rdata.data.eq(self.beats[place])
                yield port.rdata.valid.eq(1)
                yield
                yield port.rdata.valid.eq(0)

    def word(self, address: int, value: int | None = None) -> Iterator[Any]:
        """Read a word at `address`, or write `value` there; (value read, whether it was an error)."""
        bus = self.port.wishbone
        yield from (signal.eq(1) for signal in (bus.cyc, bus.stb))
        yield bus.sel.eq(0xF)
        yield bus.adr.eq(address // 4)
        yield bus.we.eq(int(value is not None))
        yield bus.dat_w.eq(value or 0)
        yield
        while not (yield bus.ack):
            yield
        answer = (yield bus.dat_r), bool((yield bus.err))
        yield from (signal.eq(0) for signal in (bus.cyc, bus.stb))
        yield
        return answer

    def clear(self, first: int, last: int) -> Iterator[Any]:
        yield self.port.clear_first.eq(first)
        yield self.port.clear_last.eq(last)
        yield self.port.clear.eq(1)
        yield
        yield self.port.clear.eq(0)
        yield

    def cleared(self) -> Iterator[Any]:
        while (yield self.port.clearing):
            yield


def test_words_and_bytes_of_them() -> None:
    """Image n keeps the bytes whose bits are set in n."""
    bench = Bench()

    def steps() -> Iterator[Any]:
        assert (yield from bench.word(12)) == (0x1111_2222, False)
        yield from bench.word(12, 0xAABB_CCDD)
        yield from bench.word(12 + 0b0101 * SIZE, 0x0102_0304)
        assert (yield from bench.word(12)) == (0x01BB_03DD, False)
        assert (yield from bench.word(8)) == (0x3333_4444, False)

    bench.run(steps())


def test_memory_that_is_not_awake_is_a_bus_error() -> None:
    bench = Bench()

    def steps() -> Iterator[Any]:
        for _ in range(3):
            assert (yield from bench.word(0))[1]

    bench.run(steps(), ready=False)
    assert bench.written == []


def test_what_was_written_is_zeroed_and_nothing_else() -> None:
    """All of it behind power-up, then only pages that somebody wrote; parts of pages to the beat."""
    bench, beats = Bench(), PAGE // BEAT

    def steps() -> Iterator[Any]:
        yield from bench.clear(PAGE - 16, 3 * PAGE - 1)
        yield from bench.cleared()
        assert bench.written == list(range(beats - 2, 3 * beats))
        bench.written.clear()
        yield from bench.clear(0, SIZE - 1)  # of the second and third page all is known to be zero
        yield from bench.cleared()
        assert bench.written == [*range(beats), *range(3 * beats, 4 * beats)]
        yield from bench.word(PAGE + 8, 5)
        bench.written.clear()
        yield from bench.clear(PAGE, PAGE + 63)  # a part: the page stays one that may hold something
        yield from bench.cleared()
        yield from bench.clear(0, SIZE - 1)
        yield from bench.cleared()
        assert bench.written == [*range(beats, beats + 8), *range(beats, 2 * beats)]

    bench.run(steps())
    assert not any(bench.beats)


def test_after_a_reset_no_page_is_known_to_be_zero() -> None:
    """The chip was not refreshed meanwhile, and training writes to it."""
    bench = Bench()

    def steps() -> Iterator[Any]:
        yield from bench.clear(0, SIZE - 1)
        yield from bench.cleared()
        yield bench.port.reset.eq(1)
        yield
        yield bench.port.reset.eq(0)
        yield
        bench.written.clear()
        yield from bench.clear(0, SIZE - 1)
        yield from bench.cleared()
        assert bench.written == list(range(SIZE // BEAT))

    bench.run(steps())


def test_words_are_answered_while_much_is_zeroed() -> None:
    bench = Bench()

    def steps() -> Iterator[Any]:
        yield from bench.clear(0, SIZE - 1)
        for _ in range(2):
            assert not (yield from bench.word(0))[1]
        assert (yield bench.port.clearing), "the word waited for all pages"
        yield from bench.cleared()

    bench.run(steps())


def test_a_page_that_the_core_writes_while_it_is_zeroed_is_zeroed_again() -> None:
    """Whenever the write is commanded: ahead of the zeroes, among them, or in the cycle that takes the mark away."""
    for moment in (4, 5, 6, 7, 8, 40, 200):
        bench = Bench()

        def steps(bench: Bench = bench, moment: int = moment) -> Iterator[Any]:
            yield from bench.clear(0, PAGE - 1)
            for _ in range(moment):
                yield
            yield bench.port.mark_page.eq(0)
            yield bench.port.mark.eq(1)
            yield
            begun = len(bench.written)
            yield bench.port.mark.eq(0)
            yield from bench.cleared()
            again = len(bench.written)
            yield from bench.clear(0, PAGE - 1)
            yield from bench.cleared()
            if begun:  # among the zeroes: what it wrote may lie before or behind them
                assert len(bench.written) == 2 * again

        bench.run(steps())


def test_core_and_host_write_pages_at_the_same_time() -> None:
    """There is one way to the marks: the host's waits for the core's, and none is lost."""
    bench, beats = Bench(), PAGE // BEAT

    begin: list[int] = []

    @passive  # type: ignore[untyped-decorator]
    def core() -> Iterator[Any]:
        """Writes to page 3 for as many cycles as `begin` says, as soon as it does."""
        while True:
            yield bench.port.mark_page.eq(3)
            yield bench.port.mark.eq(int(bool(begin)))
            for _ in range(begin.pop() if begin else 1):
                yield

    def marked() -> Iterator[Any]:
        """Pages that are zeroed now."""
        bench.written.clear()
        yield from bench.clear(0, SIZE - 1)
        yield from bench.cleared()
        return sorted({place // beats for place in bench.written})

    def steps() -> Iterator[Any]:
        assert (yield from marked()) == [0, 1, 2, 3]
        assert (yield from marked()) == []
        for write, pages in ((False, [3]), (True, [1, 3])):
            begin.append(12)
            yield
            if write:
                yield from bench.word(PAGE, 7)
            for _ in range(20):
                yield
            assert (yield from marked()) == pages

    bench.run(steps(), core())
