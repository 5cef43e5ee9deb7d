"""SDRAM's start and training in migen's simulator: what the chip is told, which delays its data lines are given."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from litedram.common import LiteDRAMNativePort
from litedram.init import get_sdram_phy_init_sequence
from litedram.modules import MT41K64M16, MT48LC16M16
from litedram.phy.dfi import Interface
from litedram.phy.model import SDRAMPHYModel
from migen import run_simulation

from sgdma_soc.dram.start import Start
from sgdma_soc.dram.train import Delays, Train

HZ = 100_000_000
Works = set[tuple[int, int]]
"""Bit slips and delays at which a lane works."""


def row(slip: int, *delays: int) -> Works:
    return {(slip, delay) for delay in delays}


@pytest.mark.sim  # tens of thousands of cycles
@pytest.mark.parametrize(("chip", "rate", "width"), [(MT48LC16M16, "1:1", 16), (MT41K64M16, "1:4", 16)])
def test_a_chip_is_woken_in_its_order_and_with_its_pauses(chip: Any, rate: str, width: int) -> None:
    """Supply and clock for 200 us ahead of everything, CKE ahead of commands, mode registers as LiteDRAM has them."""
    module = chip(HZ, rate)
    settings = SDRAMPHYModel(module, data_width=width, clk_freq=HZ).settings
    dfi = Interface(14, 3, settings.nranks, settings.dfi_databits, settings.nphases)
    start = Start(dfi, settings, module.timing_settings, HZ)
    told: list[tuple[int, int, int, tuple[int, ...]]] = []
    cke: list[int] = []

    def watch() -> Iterator[Any]:
        now = 0
        while not (yield start.done):
            yield
            now += 1
            first = dfi.phases[0]
            if (yield first.cke) and not cke:
                cke.append(now)
            if not (yield first.cs_n):
                lines = (yield first.ras_n), (yield first.cas_n), (yield first.we_n)
                told.append((now, (yield first.address), (yield first.bank), lines))
            for other in dfi.phases[1:]:
                assert (yield other.cs_n)

    run_simulation(start, watch())
    sequence, _ = get_sdram_phy_init_sequence(settings, module.timing_settings)
    expected = [(address, bank, tuple(int(f"_{name}" not in words) for name in ("RAS", "CAS", "WE")), delay)
                for _, address, bank, words, delay in sequence if "COMMAND" in words]  # fmt: skip
    assert [entry[1:] for entry in told] == [entry[:3] for entry in expected]
    assert cke[0] > 200e-6 * HZ
    pauses = [later[0] - sooner[0] for sooner, later in itertools.pairwise(told)]
    assert all(pause > entry[3] for pause, entry in zip(pauses, expected, strict=False))


def trained(
    windows: list[Works], *, delays: int = 8, slips: int = 4, dies: bool = False, seen: range | None = None,
    flaky: frozenset[tuple[int, int]] = frozenset(),
) -> Any:  # fmt: skip
    """Train, run on lanes that work where `windows` says; with `dies` they stop once all was tried.

    `seen`: delays at which a read's strobes are seen, all by default. `flaky`: where the first word alone is wrong.
    """
    lines = Delays(len(windows), delays, slips)
    train = Train(LiteDRAMNativePort("both", 10, 8 * len(windows) * 4), lines)
    now = [[0, 0] for _ in windows]  # slip, delay

    def phy() -> Iterator[Any]:
        while not (yield train.done):
            select = yield lines.select
            for lane, place in enumerate(now):
                if select >> lane & 1:
                    if (yield lines.reset):
                        place[:] = [0, 0]
                    place[0] += yield lines.slip
                    place[1] += yield lines.step
            strobes = sum((seen is None or now[lane][1] in seen) << lane for lane in range(len(windows)))
            yield lines.burst.eq(strobes)
            yield

    def works(lane: int, address: int) -> bool:
        place = now[lane][0], now[lane][1]
        return place in windows[lane] and not (address == 0 and place in flaky)

    def memory() -> Iterator[Any]:
        port, held = train.port, {}
        while not (yield train.done):
            yield port.cmd.ready.eq(1)
            yield
            if not (yield port.cmd.valid) or not (yield port.cmd.ready):
                continue
            address, write = (yield port.cmd.addr), (yield port.cmd.we)
            yield port.cmd.ready.eq(0)
            yield
            if write:
                held[address] = yield port.wdata.data
                yield port.wdata.ready.eq(1)
                yield
                yield port.wdata.ready.eq(0)
            else:
                lost = dies and not (yield train._scanning)
                bad = sum(0xFF << 8 * (lane + len(windows) * byte) for lane in range(len(windows)) for byte in range(4)
                          if lost or not works(lane, address))  # fmt: skip
                yield port.rdata.data.eq(held[address] ^ bad)
                yield port.rdata.valid.eq(1)
                yield
                yield port.rdata.valid.eq(0)
            yield

    def begin() -> Iterator[Any]:
        yield train.start.eq(1)
        for _ in range(40_000):
            if (yield train.done):
                break
            yield
        assert (yield train.done), "training does not end"
        told: Any = train
        told.verdict = (yield train.failed), (yield train.lanes)
        told.settled = now

    run_simulation(train, [begin(), phy(), memory()])
    return train


@pytest.mark.parametrize(
    ("windows", "chosen"),
    [
        ([row(0, *range(8))], [(0, 3, 7)]),
        ([row(1, 3, 4, 5), row(2, 5, 6)], [(1, 4, 3), (2, 5, 2)]),
        ([row(3, 7), row(0, 0)], [(3, 7, 1), (0, 0, 1)]),
        ([row(0, 0, 1, 4, 5, 6) | row(2, 1, 2, 3)], [(0, 5, 3)]),  # of rows as long as each other the first
        ([row(0, 6, 7) | row(1, 0, 1, 4, 5, 6)], [(1, 5, 3)]),  # a row ends with its slip
    ],
)
def test_each_lane_is_set_to_the_middle_of_what_works(
    windows: list[Works], chosen: list[tuple[int, int, int]]
) -> None:
    train = trained(windows)
    failed, lanes = train.verdict
    assert not failed
    assert [tuple(place) for place in train.settled] == [place[:2] for place in chosen]
    told = [lanes >> 8 * lane & 0xFF for lane in range(len(windows))]
    assert [(byte >> 3 & 3, byte & 7, byte >> 5) for byte in told] == chosen


def test_a_delay_at_which_no_strobes_are_seen_does_not_work() -> None:
    """Whatever the data says: it may be what the pins kept from the write."""
    train = trained([row(0, *range(8))], seen=range(1, 4))
    assert train.settled == [[0, 2]]
    assert train.verdict == (0, 2 | 3 << 5)


def test_one_wrong_word_is_enough() -> None:
    assert trained([row(0, *range(8))], flaky=frozenset(row(0, 3, 4))).settled == [[0, 1]]


def test_a_lane_that_works_nowhere_fails_the_memory() -> None:
    failed, lanes = trained([row(0, *range(8)), row(0)]).verdict
    assert failed
    assert lanes >> 13 == 0


def test_what_worked_must_work_once_more() -> None:
    assert trained([row(0, *range(8))], dies=True).verdict[0]


def test_a_phy_without_delays_is_tried_as_it_is() -> None:
    assert trained([row(0, 0), row(0, 0)], delays=1, slips=1).verdict[0] == 0
    assert trained([row(0, 0), row(0)], delays=1, slips=1).verdict[0]
