"""Tests for `--target sim:pcie`; test_pcie.py starts them. Named so that no other run collects them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cocotbext.pcie.core.tlp import TlpType

from pcie.headers import sent, witness
from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.errors import DeviceReset
from sgdma.rules import Direction
from sgdma.spec.pcie import BRIDGE_COUNTERS, MSIX_PBA, MSIX_TABLE, SIM_QUARANTINE, SIM_TIMEOUT
from sgdma.spec.status import Port, QueueState
from sgdma.suite.accounts import Ledger
from sgdma.suite.helpers import Ground, alive, expected_crc, fit, outcome, pattern, submit
from sgdma.suite.legal import Legal
from sgdma.targets.sim.control import TlpFault
from sgdma.targets.sim.pcie import MESSAGES, SimPcieTarget

SOAK, ROUND = 10_000, 100
TERMINAL = [TlpFault.UNSUPPORTED, TlpFault.ABORTED, TlpFault.POISONED, TlpFault.LOST, TlpFault.CUT_OFF, TlpFault.LATE,
            TlpFault.WRONG_LENGTH, TlpFault.TRUNCATED]  # fmt: skip


@pytest.fixture
def rc(dma: Dma) -> SimPcieTarget:
    """The target with its root complex."""
    target = dma.target
    assert isinstance(target, SimPcieTarget)
    return target


@pytest.fixture
def ground(dma: Dma, rng: np.random.Generator) -> Ground:
    """Guarded noise for requests."""
    return Ground(dma, rng)


def counters(rc: SimPcieTarget) -> list[int]:
    """Requests that timed out, completions dropped, host's requests not supported."""
    return [rc.read32(BRIDGE_COUNTERS + 4 * index) for index in range(3)]


def test_every_header_is_one_that_cocotbext_pcie_would_make(dma: Dma, rc: SimPcieTarget, ground: Ground) -> None:
    """Reads, writes, interrupts and register completions of odd sizes and places: whole and legal."""
    seen: set[TlpType] = set()
    for count, length in ((1, 1), (1, 5), (3, 100), (2, 700), (1, 4096), (5, 33)):
        since = int(rc.control["tlp_count"])
        for way in (Direction.H2C, Direction.C2H):
            made = ground.compose(way, count, length)
            outcome(submit(dma, made, Port.PATTERN))
            if way is Direction.C2H:
                ground.received(made.segments, pattern(made.card, made.card, made.total))
        for tlp, raw, dwords in sent(rc, since):
            witness(tlp, raw, dwords)
            seen.add(tlp.fmt_type)
    high = int(rc.control["iova_base"]) >= 1 << 32
    wanted = {TlpType.MEM_READ_64, TlpType.MEM_WRITE_64} if high else {TlpType.MEM_READ, TlpType.MEM_WRITE}
    assert wanted <= seen


def test_flow_control_slows_down_and_loses_nothing(dma: Dma, rc: SimPcieTarget, ground: Ground) -> None:
    """A root complex with room for one read, then for one write: as slow as that, and every byte in its place."""

    def cycles(way: Direction) -> int:
        begin = rc.now()
        made = [ground.compose(way, 1, 4096) for _ in range(16)]
        for one in [submit(dma, one, Port.PATTERN) for one in made]:
            assert outcome(one).ok
        for one in made if way is Direction.C2H else []:
            ground.received(one.segments, pattern(0, one.card, one.total))
        ground.verify()
        return rc.now() - begin

    control = rc.control
    kept = int(control["read_credits"]), int(control["write_credits"]), int(control["latency"])
    try:
        control["read_credits"], control["write_credits"], control["latency"] = 0, 0, 300
        free = {way: cycles(way) for way in Direction}
        control["read_credits"] = 1
        reads, least = cycles(Direction.H2C), 16 * 4096 // int(control["mrrs"]) * 300
        control["read_credits"], control["write_credits"] = 0, int(control["mps"]) // 16
        writes = cycles(Direction.C2H)
    finally:
        control["read_credits"], control["write_credits"], control["latency"] = kept
    assert reads > max(least, 2 * free[Direction.H2C])
    assert writes >= 16 * 4096 // 16 * 4, "credits come back every four cycles"
    alive(dma, ground)


def test_a_read_of_several_dwords_is_unsupported(dma: Dma, rc: SimPcieTarget, ground: Ground) -> None:
    """UR, counted, and the device goes on."""
    before = counters(rc)[2]
    rc.control["read_words"] = 2
    try:
        assert rc.read32(0) == 0xFFFF_FFFF
    finally:
        rc.control["read_words"] = 1
    assert int(rc.control["read_status"]) == 1
    assert counters(rc)[2] == before + 1
    assert int(rc.control["read_status"]) == 0
    alive(dma, ground)


def test_the_table_of_msix_is_memory_and_a_masked_vector_waits(dma: Dma, rc: SimPcieTarget, ground: Ground) -> None:
    """Masked, a vector is pending in the PBA and sends nothing; unmasked, it sends once."""
    entry = MSIX_TABLE
    assert [rc.read32(entry + offset) for offset in (0, 4, 8, 12)] == [MESSAGES, 0, 0, 0]
    rc.write32(entry + 12, 1)
    dma.registers.write("ev_enable", 1)
    queue = dma.queue(0)
    before = int(rc.control["vector_count"][0])
    dma.registers.write("cq_doorbell", head=queue.device_written(), queue=0, arm=1)
    outcome(submit(dma, ground.compose(Direction.H2C, 1, 64), Port.PATTERN, queue=0))
    rc.sleep(2000)
    assert int(rc.control["vector_count"][0]) == before
    assert rc.read32(MSIX_PBA) & 1
    rc.write32(entry + 12, 0)
    rc.sleep(500)
    assert int(rc.control["vector_count"][0]) == before + 1
    assert not rc.read32(MSIX_PBA) & 1


@pytest.mark.parametrize("kind", TERMINAL, ids=lambda kind: kind.name.lower())
def test_a_read_that_goes_wrong_fails_its_request_alone(
    dma: Dma, rc: SimPcieTarget, ground: Ground, kind: TlpFault
) -> None:
    """Every read of payload and descriptors meets with `kind` while requests are sent; afterwards all is well."""
    made = [ground.compose(Direction.H2C, 1, 256) for _ in range(8)]
    outcome(submit(dma, made[0], Port.PATTERN))
    before = rc.faults.counts()[kind]
    for round in range(4):
        rc.faults.mishaps(20_000, kind, late=SIM_TIMEOUT + 2000)
        with dma.batch():
            transfers = [submit(dma, one, Port.PATTERN, queue=round % len(dma.queues)) for one in made]
        settle(dma, transfers)
        rc.faults.mishaps(0)
        for transfer, one in zip(transfers, made, strict=True):
            judge(dma, transfer, one, ground)
    assert rc.faults.counts()[kind] > before
    rc.sleep(SIM_TIMEOUT + SIM_QUARANTINE)
    for queue in range(len(dma.queues)):
        alive(dma, ground, queue)


def settle(dma: Dma, transfers: list[Transfer], restarted: Callable[[int], None] = lambda queue: None) -> None:
    """Wait until all have ended, restarting queues whose descriptors could not be read, and telling `restarted`."""

    def over() -> bool:
        return all(transfer.done for transfer in transfers)

    def stuck() -> bool:
        return any(queue.state is QueueState.ERROR for queue in dma.queues)

    while not over():
        dma.wait(lambda: over() or stuck(), 2_000_000)
        if not stuck():
            continue
        dma.target.sleep(SIM_TIMEOUT + 2000)  # what was accepted before may still be under way
        dma.poll()
        for number, queue in enumerate(dma.queues):
            if queue.state is QueueState.ERROR:
                queue.restart()
                restarted(number)


def judge(dma: Dma, transfer: Transfer, made: Legal, ground: Ground) -> str:
    """The outcome is one that a fault allows, and good data is right; the name of its status."""
    done = transfer.completion
    if done is None:
        assert isinstance(transfer.error, DeviceReset), transfer.error
        return "given up"
    assert done.status_name in ("OK", "BUS_ERROR"), done.status_name
    if not done.ok and made.direction is Direction.C2H:
        assert done.bytes_moved == 0, "nothing goes wrong with writes but that their list can't be read"
    if done.ok and made.direction is Direction.H2C:
        assert done.crc32c == expected_crc(dma, ground.data(made)), "wrong data was taken for good"
    return str(done.status_name)


def test_ten_thousand_requests_with_faults_of_all_kinds(
    dma: Dma, rc: SimPcieTarget, rng: np.random.Generator, ground: Ground
) -> None:
    """Each ends exactly once; what ends well has the right data; the device works as ever afterwards."""
    ledger, outcomes = Ledger(dma), {"OK": 0, "BUS_ERROR": 0, "given up": 0}
    rc.faults.timing(latency=20, jitter=200, out_of_order=True, backpressure=20)
    for _ in range(SOAK // ROUND):
        rc.faults.mishaps(int(rng.integers(100, 1000)), *TlpFault, late=int(rng.integers(8300, 20_000)))
        for name in one_round(dma, Ground(dma, rng, 1 << 19), rng, ledger):
            outcomes[name] += 1
    rc.faults.mishaps(0)
    rc.sleep(SIM_TIMEOUT + SIM_QUARANTINE)
    counts = rc.faults.counts()
    print(f"{SOAK} requests: {outcomes}; faults {({kind.name: count for kind, count in counts.items()})}; "
          f"timed out, dropped, unsupported: {counters(rc)}")  # fmt: skip
    assert all(counts.values()), f"a kind of fault never came: {counts}"
    assert outcomes["OK"] > SOAK // 2
    assert not ledger.complaints, ledger.complaints[:4]
    for queue in range(len(dma.queues)):
        alive(dma, ground, queue)
    made = ground.compose(Direction.C2H, 1, fit(dma, 512))
    outcome(submit(dma, made, Port.PATTERN))


def one_round(dma: Dma, ground: Ground, rng: np.random.Generator, ledger: Ledger) -> list[str]:
    """Send requests both ways on all queues; how they ended. Memory is what the good ones have made of it."""
    made = [ground.compose(Direction(int(rng.integers(1, 3))), int(rng.integers(1, 5)), int(rng.integers(1, 600)))
            for _ in range(ROUND)]  # fmt: skip
    with dma.batch():
        transfers = [submit(dma, one, Port.PATTERN, queue=index % len(dma.queues)) for index, one in enumerate(made)]
    settle(dma, transfers, ledger.restarted)
    names = [judge(dma, *pair, ground) for pair in zip(transfers, made, strict=True)]
    for one, name in zip(made, names, strict=True):
        if one.direction is not Direction.C2H:
            continue
        there = np.concatenate([ground.now()[ground.place(*segment)] for segment in one.segments])
        ground.received(one.segments, there if name == "given up" else pattern(0, 0, one.total if name == "OK" else 0))
    ground.verify()
    dma.free(ground.buffer)
    return names


def test_a_link_that_goes_down_and_comes_back(dma: Dma, rc: SimPcieTarget, ground: Ground) -> None:
    """Registers read all ones; afterwards a reset brings everything back, and no byte moves without it."""
    with dma.batch():
        transfers = [submit(dma, ground.compose(Direction.H2C, 2, 600), Port.PATTERN) for _ in range(40)]
    rc.sleep(300)
    rc.control["link_down"] = 1
    rc.sleep(SIM_TIMEOUT + 4000)
    assert rc.read32(0) == 0xFFFF_FFFF
    rc.control["link_down"] = 0
    rc.sleep(SIM_TIMEOUT + SIM_QUARANTINE)
    dma.reset()
    assert all(transfer.done for transfer in transfers)
    for queue in range(len(dma.queues)):
        alive(dma, ground, queue)
