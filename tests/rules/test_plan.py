"""The planner on real rule sets: hostile buffers, batches, copies, bounce areas and errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sgdma.bench.plan import COMMON, hostile_pieces, loop_plan, same_plan
from sgdma.errors import PieceError, Unplannable
from sgdma.rules import Direction, Rule, RuleSet, check_batch, check_request, exact, load, names
from sgdma.rules import plan as planner
from sgdma.rules.plan import BatchPlan, plan, plan_batch


def buffers(rules: RuleSet, direction: Direction, seed: int, requests: int = 12) -> tuple[np.ndarray, ...]:
    """Random requests whose totals the rule set accepts: odd offsets, empty, tiny, page-sized and adjacent pieces."""
    random = np.random.default_rng(seed)
    side = rules.direction(direction)
    grain = max(side.total_align, side.tail_align)
    addresses, lengths, offsets = [], [], [0]
    for _ in range(requests):
        size = int(random.integers(1, max(2, min(side.max_request_size, 60000) // grain // 2))) * grain
        size = max(size, -(-side.min_segment_size // grain) * grain)
        if side.max_segments == 1:
            size = min(size, side.max_segment_size // grain * grain)
        cuts = np.unique(np.concatenate(([0, size], random.integers(0, size + 1, random.integers(0, 12)))))
        mine = np.append(np.diff(cuts), 0)
        place = random.integers(0, 1 << min(30, rules.address_bits - 2), len(mine)) >> random.integers(0, 12)
        place = np.where(random.random(len(mine)) < 0.5, place & -4096, place)
        addresses.append(place)
        lengths.append(mine)
        offsets.append(offsets[-1] + len(mine))
    return np.concatenate(addresses).astype(np.uint64), np.concatenate(lengths).astype(np.uint64), np.array(offsets)


def assert_moves_everything(
    planned: BatchPlan, addresses: np.ndarray, lengths: np.ndarray, offsets: np.ndarray
) -> None:
    """Bytes of every request by count, and each direct segment inside memory that its pieces own, in order."""
    for i in range(len(offsets) - 1):
        mine = slice(planned.offsets[i], planned.offsets[i + 1])
        copied = slice(planned.copy_offsets[i], planned.copy_offsets[i + 1])
        wanted = byte_list(addresses[offsets[i] : offsets[i + 1]], lengths[offsets[i] : offsets[i + 1]])
        area = np.full(int(planned.bounce_size[i]), -1, np.int64)
        for address, offset, length in zip(*(part[copied].astype(np.int64) for part in (
                planned.copy_address, planned.copy_offset, planned.copy_length)), strict=True):  # fmt: skip
            area[offset : offset + length] = np.arange(address, address + length)
        got = [
            area[address : address + length] if bounced else np.arange(address, address + length)
            for address, length, bounced in zip(
                planned.addresses[mine].astype(np.int64),
                planned.lengths[mine].astype(np.int64),
                planned.bounced[mine],
                strict=True,
            )
        ]
        assert np.array_equal(np.concatenate(got), wanted)


def byte_list(addresses: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.arange(int(a), int(a + n)) for a, n in zip(addresses, lengths, strict=True)])


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("name", names())
def test_hostile_buffers_are_planned_cleanly(name: str, direction: Direction) -> None:
    rules = load(name)
    pieces = buffers(rules, direction, seed=len(name))
    planned = plan_batch(*pieces, rules, direction)
    bases = planned.bounce_align * 3 if rules.direction(direction).segment_boundary < 1 << 32 else 0
    verdict = check_batch(rules, direction, planned.resolve(bases), planned.lengths, planned.offsets)
    assert not verdict.rule.any()
    assert (planned.direct_bytes + planned.bounced_bytes).sum() == pieces[1].sum()
    assert_moves_everything(planned, *pieces)


@pytest.mark.parametrize("name", ["peculiar", "nvme-prp", "tg3", "xdma-mm", "promise-sata"])
def test_a_batch_plans_each_request_as_if_alone(name: str) -> None:
    rules = load(name)
    addresses, lengths, offsets = buffers(rules, Direction.H2C, seed=5)
    batch = plan_batch(addresses, lengths, offsets, rules, Direction.H2C, card_addresses=64)
    for i in range(len(offsets) - 1):
        mine = slice(offsets[i], offsets[i + 1])
        alone = plan((addresses[mine], lengths[mine]), rules, Direction.H2C, card_address=64)
        segments = slice(batch.offsets[i], batch.offsets[i + 1])
        assert np.array_equal(alone.addresses, batch.addresses[segments])
        assert np.array_equal(alone.lengths, batch.lengths[segments])
        assert (alone.bounce_size, alone.bounce_align) == (batch.bounce_size[i], batch.bounce_align[i])


@pytest.mark.parametrize("longest", [1 << 20, 256])
@pytest.mark.parametrize("sizes", [(3, 50, 2), (3, 50), (9, 9, 9, 9, 9, 9, 9, 9, 9)])
def test_many_chunks_give_the_plan_of_one(
    sizes: tuple[int, ...], longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = load("aligned64")
    rules = dataclasses.replace(rules, h2c=dataclasses.replace(rules.h2c, max_segment_size=longest))
    addresses, lengths, _ = hostile_pieces(rules, sum(sizes), sum(sizes), seed=2)
    arguments = addresses, lengths // 4 // 64 * 64 + 64, np.cumsum([0, *sizes]), rules, Direction.H2C
    whole = plan_batch(*arguments)
    monkeypatch.setattr(planner, "CHUNK", 20)
    parts = plan_batch(*arguments)
    for field in dataclasses.fields(BatchPlan):
        assert np.array_equal(getattr(whole, field.name), getattr(parts, field.name)), field.name


@pytest.mark.parametrize("name", COMMON)
def test_the_loop_of_the_bench_gives_the_same_plan_without_a_search(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "solve", lambda *_: pytest.fail("the vectorised choice should have sufficed"))
    rules = load(name)
    addresses, lengths, offsets = hostile_pieces(rules, 1000, 20, seed=3)
    batch = plan_batch(addresses, lengths, offsets, rules, Direction.H2C)
    for i in range(len(offsets) - 1):
        mine = slice(offsets[i], offsets[i + 1])
        pieces = list(zip(addresses[mine].tolist(), lengths[mine].tolist(), strict=True))
        assert same_plan(batch, i, loop_plan(pieces, rules, Direction.H2C))


@pytest.mark.parametrize("seed", range(8))
def test_chains_of_cuts_are_as_good_as_the_whole_grid(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    rules = load(["sdhci-adma2", "nvme-prp", "aligned64", "axi-dma"][seed % 4])
    grain = max(rules.h2c.total_align, rules.h2c.length_align, rules.h2c.address_align)
    longest = max(grain * 3, rules.h2c.gap_boundary)
    count = int(random.integers(2, 12))
    size = random.integers(1, 4, count) * grain if rules.h2c.gap_boundary == 1 else random.integers(1, 9, count) * 2048
    side = dataclasses.replace(rules.h2c, max_segment_size=longest, max_segments=int(random.integers(1, 8)))
    rules = dataclasses.replace(rules, h2c=side)
    pieces = list(zip((random.integers(0, 900, count) * 4096 + random.integers(0, 2, count) * grain).tolist(),
                      size.tolist(), strict=True))  # fmt: skip
    outcomes = []
    for full in (0, 1 << 14):
        monkeypatch.setattr(exact, "FULL_GRID", full)
        try:
            found = plan(pieces, rules, Direction.H2C)
            assert found.proven
            outcomes.append(found.direct_bytes)
        except Unplannable:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


def test_a_cut_may_hang_on_the_end_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "FULL_GRID", 0)
    rules = load("sdhci-adma2")
    rules = dataclasses.replace(rules, h2c=dataclasses.replace(rules.h2c, max_segment_size=16, max_segments=2))
    found = plan([(0x1001, 4), (0x2000, 20)], rules, Direction.H2C)
    assert (found.direct_bytes, found.lengths.tolist()) == (16, [8, 16])


def test_requests_stay_apart_where_their_memory_is_adjacent() -> None:
    planned = plan_batch([0, 64, 128], [64, 64, 64], [0, 1, 3], load("unrestricted"), Direction.H2C)
    assert (planned.offsets.tolist(), planned.lengths.tolist()) == ([0, 1, 2], [64, 128])


NO_SEARCH = [  # rule set, changes, piece, lengths of segments
    ("aligned64", {"max_segment_size": 1000}, (0, 2048), [960, 960, 128]),
    ("tg3", {}, (0, 65536), [65527, 9]),
    ("promise-sata", {}, (0, 4096), [3932, 164]),
    ("peculiar", {}, (0, 24000), [11968, 5056, 6976]),
]


@pytest.mark.parametrize(("name", "changes", "piece", "lengths"), NO_SEARCH)
def test_a_long_piece_is_cut_without_a_search(name, changes, piece, lengths, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(exact, "solve", lambda *_: pytest.fail("the vectorised choice should have sufficed"))
    rules = load(name)
    found = plan([piece], dataclasses.replace(rules, h2c=dataclasses.replace(rules.h2c, **changes)), Direction.H2C)
    assert (found.lengths.tolist(), found.bounced_bytes) == (lengths, 0)


def test_a_bound_count_of_segments_sacrifices_the_cheapest_pieces() -> None:
    rules = load("sdhci-adma2")
    rules = dataclasses.replace(rules, h2c=dataclasses.replace(rules.h2c, max_segments=4))
    pieces = [(0x10000, 4096), (0x20000, 8192), (0x40000, 16), (0x50000, 16), (0x60000, 4096)]
    found = plan(pieces, rules, Direction.H2C)
    assert found.direct_bytes == 4096 + 8192 + 4096
    assert found.bounced.tolist() == [False, False, True, False]


def test_hundreds_of_pieces_beyond_the_count_are_planned_best() -> None:
    rules = load("nvme-sgl")
    random = np.random.default_rng(1)
    lengths = random.integers(1, 5000, 700).astype(np.uint64)
    addresses = np.arange(700, dtype=np.uint64) * np.uint64(8192)
    found = plan((addresses, lengths), rules, Direction.H2C)
    assert len(found.lengths) == 256
    assert found.proven
    assert check_request(rules, Direction.H2C, found.resolve(found.bounce_align), found.lengths) is None


def test_memory_beyond_the_devices_reach_is_bounced() -> None:
    rules = load("ata-prd")
    found = plan([(1 << 33, 64), ((1 << 32) - 64, 128)], rules, Direction.H2C)
    assert (found.direct_bytes, found.bounced_bytes) == (64, 128)


REFUSED = [
    ("unrestricted", [], Rule.MAX_REQUEST_SIZE, 0),
    ("unrestricted", [(0, 0)], Rule.MAX_REQUEST_SIZE, 0),
    ("e1000-82544", [(0, 16129)], Rule.MAX_REQUEST_SIZE, 16129),
    ("aligned64", [(0, 65)], Rule.TOTAL_ALIGN, 65),
    ("ahci-prdt", [(0, 63)], Rule.TAIL_ALIGN, 63),
    ("tg3", [(0, 8)], Rule.MIN_SEGMENT_SIZE, 8),
]


@pytest.mark.parametrize(("name", "pieces", "rule", "value"), REFUSED)
def test_an_unplannable_request_names_rule_and_value(name, pieces, rule, value) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Unplannable) as refused:
        plan(pieces, load(name), Direction.H2C)
    assert (refused.value.rule, refused.value.value) == (rule, value)
    assert refused.value.remedy in str(refused.value)


def test_a_card_address_off_the_skew_can_not_be_matched() -> None:
    rules = load("peculiar")
    rules = dataclasses.replace(rules, c2h=dataclasses.replace(rules.c2h, residue_match=16))
    with pytest.raises(Unplannable) as refused:
        plan([(0, 64)], rules, Direction.C2H, card_address=4)
    assert refused.value.rule is Rule.RESIDUE_MATCH


def test_too_many_segments_even_when_all_is_bounced() -> None:
    rules = load("tg3")
    with pytest.raises(Unplannable) as refused:
        plan([(0, 32768), (0x100000, 32768)], rules, Direction.C2H)
    assert refused.value.rule is Rule.MAX_SEGMENTS


@pytest.mark.parametrize("pieces", [[(-1, 4)], [(0, -4)], [((1 << 64) - 2, 3)]])
def test_malformed_pieces_are_refused(pieces: list[tuple[int, int]]) -> None:
    with pytest.raises(PieceError):
        plan(pieces, load("unrestricted"), Direction.H2C)


def test_a_misplaced_bounce_area_is_refused() -> None:
    found = plan([(1, 64)], load("aligned64"), Direction.H2C)
    with pytest.raises(PieceError, match="multiple of 0x40"):
        found.resolve(32)
