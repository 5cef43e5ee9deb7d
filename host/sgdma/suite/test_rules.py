"""Every rule that the device has is enforced: at the first, an interior and the last segment, at no one's expense."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sgdma.engine.device import Dma
from sgdma.engine.transfer import Transfer
from sgdma.rules import Direction, Rule, check_batch, check_request
from sgdma.spec.status import Port, Status, status_name, status_of_rule
from sgdma.suite.accounts import Ledger
from sgdma.suite.damage import PLACES, SEGMENT_RULES, Damaged, damage, forbidden_elsewhere, has_rule, place_of
from sgdma.suite.helpers import (
    BOTH,
    Ground,
    card_image,
    expected_crc,
    hard_times,
    noise,
    outcome,
    pattern,
    step,
    submit,
    write_card,
)
from sgdma.suite.legal import Legal

ATTEMPTS = 6


def broken(ground: Ground, direction: Direction, rule: Rule, position: str) -> Damaged | None:
    """A request that breaks the rule there, and None when the device has no such rule or can't be told of it."""
    rules = ground.dma.rules
    count = min(5, rules.direction(direction).max_segments)
    for _ in range(ATTEMPTS if has_rule(rules, direction, rule) else 0):
        made = ground.compose(direction, count, 100)
        found = damage(rules, made, rule, place_of(position, count))
        if found is not None:
            return found
    return None


def send_raw(dma: Dma, bad: Damaged, queue: int | None = None) -> Transfer:
    """Send it as it is."""
    return dma.submit_raw(bad.direction, bad.segments, card_address=bad.card, total=bad.total, queue=queue)


def neighbours(ground: Ground, direction: Direction) -> tuple[Legal, Legal]:
    """Two good requests that stand before and behind a bad one; their card addresses are far apart."""
    return ground.compose(direction, 2, 100, card=16384), ground.compose(direction, 2, 100, card=32768)


def expect_refused(transfer: Transfer, status: int, index: int | None) -> None:
    """That status, at that segment, and nothing moved."""
    done = outcome(transfer)
    text = f"{done.status_name} at {done.segment_index}, not {status_name(status)} at {index}"
    assert (done.status, done.segment_index) == (status, index), text
    assert done.bytes_moved == 0
    assert done.crc32c == 0


class Witness:
    """Card memory before and after: what must not change, and what the neighbours bring."""

    def __init__(self, dma: Dma, rng: np.random.Generator) -> None:
        self.dma = dma
        self.size = min(65536, dma.fixture.read("memory_bytes")) // step(dma) * step(dma)
        self.image = noise(rng, self.size)
        write_card(dma, 0, self.image)

    def wrote(self, card: int, data: np.ndarray) -> None:
        """The card now holds `data` there, wrapping at its size."""
        places = (card + np.arange(len(data))) % self.dma.fixture.read("memory_bytes")
        self.image[places[places < self.size]] = data[places < self.size]

    def read(self, card: int, size: int) -> np.ndarray:
        """What a read of the card brings."""
        return self.image[(card + np.arange(size)) % self.size]

    def verify(self) -> None:
        """Nothing but what `wrote` said was written."""
        assert np.array_equal(card_image(self.dma, 0, self.size), self.image), "card memory changed"


def carry(dma: Dma, ground: Ground, witness: Witness, made: Legal) -> Transfer:
    """Submit a neighbour and enter what it must do."""
    if made.direction is Direction.H2C:
        witness.wrote(made.card, ground.data(made))
    else:
        ground.received(made.segments, witness.read(made.card, made.total))
    return submit(dma, made, queue=0)


def accepted(dma: Dma, ground: Ground, rule: Rule, position: str) -> None:
    """What a device with that rule would refuse is carried out by this one, which has none."""
    transfers = []
    for way in BOTH:
        count = min(5, dma.rules.direction(way).max_segments)
        tried = [ground.compose(way, count, 100) for _ in range(ATTEMPTS)]
        made = next((made for made in tried if forbidden_elsewhere(dma.rules, made, rule)), None)
        if made is not None:
            transfers.append((made, submit(dma, made, Port.PATTERN)))
    if not transfers:
        pytest.skip(f"rules {dma.rules.name}: {rule.name} can't be broken at the {position} segment")
    for made, transfer in transfers:
        done = transfer.result()
        data = ground.data(made) if made.direction is Direction.H2C else pattern(0, made.card, made.total)
        assert (done.bytes_moved, done.crc32c) == (made.total, expected_crc(dma, data))
        if made.direction is Direction.C2H:
            ground.received(made.segments, data)
    ground.verify()


@pytest.mark.parametrize(("rule", "position"), PLACES, ids=lambda value: getattr(value, "name", value))
def test_a_violation_is_refused_and_moves_nothing(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger, rule: Rule, position: str
) -> None:
    """One rule broken at one segment: its status, its index, no byte moved, and both neighbours unharmed.

    A device without the rule must do what another would refuse.
    """
    tried = [bad for way in BOTH if (bad := broken(ground, way, rule, position))]
    if not tried:
        accepted(dma, ground, rule, position)
        return
    witness = Witness(dma, rng)
    for bad in tried:
        before, behind = neighbours(ground, bad.direction)
        with dma.batch():
            first = carry(dma, ground, witness, before)
            refused = send_raw(dma, bad, queue=0)
            last = carry(dma, ground, witness, behind)
        expect_refused(refused, status_of_rule(rule), bad.index)
        assert first.result().bytes_moved == before.total
        assert last.result().bytes_moved == behind.total
    ground.verify()
    witness.verify()
    ledger.balance()


@pytest.mark.parametrize("direction", BOTH, ids=lambda way: way.name)
@pytest.mark.parametrize("total", ["none", "too long", "misaligned"])
def test_a_bad_total_is_refused_by_its_rule(dma: Dma, ground: Ground, direction: Direction, total: str) -> None:
    """MAX_REQUEST_SIZE for nothing and too much, TOTAL_ALIGN for a ragged sum; the header alone decides."""
    side, made = dma.rules.direction(direction), ground.compose(direction, 2, 100)
    value = {"none": 0, "too long": (side.max_request_size // side.total_align + 1) * side.total_align,
             "misaligned": made.total + max(side.total_align // 2, 1)}[total]  # fmt: skip
    if value >> 32 or (total == "misaligned" and side.total_align == 1):
        pytest.skip(f"rules {dma.rules.name}: no total of this direction is {total}")
    rule = Rule.TOTAL_ALIGN if total == "misaligned" else Rule.MAX_REQUEST_SIZE
    bad = dma.submit_raw(direction, made.segments, total=value, queue=0)
    good = submit(dma, ground.compose(direction, 1, 64), Port.PATTERN, queue=0)
    expect_refused(bad, status_of_rule(rule), None)
    assert good.result().ok


@pytest.mark.parametrize("direction", BOTH, ids=lambda way: way.name)
def test_too_many_segments_and_none_are_refused(dma: Dma, ground: Ground, direction: Direction) -> None:
    """MAX_SEGMENTS for a count of zero, of one too many, and of the most that the field can say."""
    side, made = dma.rules.direction(direction), ground.compose(direction, 2, 100)
    for count in (0, side.max_segments + 1, 65535):
        bad = dma.submit_raw(direction, made.segments, count=count, queue=0)
        good = submit(dma, ground.compose(direction, 1, 64), Port.PATTERN, queue=0)
        expect_refused(bad, status_of_rule(Rule.MAX_SEGMENTS), None)
        assert good.result().ok


def test_the_rule_of_the_header_outranks_that_of_a_segment(dma: Dma, ground: Ground) -> None:
    """A request that is wrong in its header and in its segments is refused for the header."""
    for direction in BOTH:
        found = [bad for rule in SEGMENT_RULES if (bad := broken(ground, direction, rule, "first"))]
        if not found:
            pytest.skip(f"rules {dma.rules.name}: no rule on segments to break")
        transfer = dma.submit_raw(direction, found[0].segments, total=0, queue=0)
        expect_refused(transfer, status_of_rule(Rule.MAX_REQUEST_SIZE), None)


def test_the_first_bad_segment_decides_and_on_it_the_lowest_rule(dma: Dma, ground: Ground) -> None:
    """Several rules broken at several segments: the verdict is that of the check on the host."""
    for direction in BOTH:
        count = min(6, dma.rules.direction(direction).max_segments)
        for _ in range(8):
            made = ground.compose(direction, count, 100)
            ways = ((rule, index) for rule in SEGMENT_RULES for index in range(count))
            found = [bad for rule, index in ways if (bad := damage(dma.rules, made, rule, index))]
            if len(found) < 2:
                pytest.skip(f"rules {dma.rules.name}: fewer than two ways to break a request")
            picks = [found[int(pick)] for pick in ground.rng.integers(0, len(found), 3)]
            segments = list(made.segments)
            for bad in picks:
                segments[bad.index] = bad.segments[bad.index]
            columns = np.array(segments, np.uint64)
            verdict = check_request(dma.rules, direction, columns[:, 0], columns[:, 1], made.card)
            assert verdict is not None
            transfer = dma.submit_raw(direction, segments, queue=0)
            index = None if verdict.segment_index == 0xFFFF else verdict.segment_index
            expect_refused(transfer, status_of_rule(verdict.rule), index)


def test_a_length_field_beyond_its_bits_is_too_long(dma: Dma, ground: Ground) -> None:
    """Bits above the length field are no ornament: MAX_SEGMENT_SIZE, not a short transfer."""
    if dma.rules.length_bits == 32:
        pytest.skip(f"rules {dma.rules.name}: the length field has all 32 bits")
    for direction in BOTH:
        made = ground.compose(direction, 2, 100)
        fields = dma.rules.encode_length([length for _, length in made.segments]).tolist()
        for bit in (dma.rules.length_bits, 31):
            segments = [(address, field) for (address, _), field in zip(made.segments, fields, strict=True)]
            segments[0] = (segments[0][0], fields[0] | 1 << bit)
            transfer = dma.submit_raw(direction, segments, encoded=True, total=made.total, queue=0)
            expect_refused(transfer, status_of_rule(Rule.MAX_SEGMENT_SIZE), 0)


def test_device_and_host_judge_random_requests_alike(
    dma: Dma, rng: np.random.Generator, ground: Ground, ledger: Ledger
) -> None:
    """Legal and damaged requests in random order, many in flight, against the check that the planner plans by."""
    hard_times(dma, rng)
    columns: list[tuple[int, int]] = []
    transfers: list[tuple[list[tuple[int, int]], Transfer]] = []
    verdicts: list[tuple[int, int]] = []
    for direction in BOTH:
        columns.clear()
        bounds = [0]
        mine: list[tuple[list[tuple[int, int]], Transfer]] = []
        with dma.batch():
            for _ in range(60):
                made = ground.compose(direction, int(rng.integers(1, 6)), int(rng.integers(1, 300)))
                segments = list(made.segments)
                if rng.integers(0, 2):
                    rule = SEGMENT_RULES[int(rng.integers(0, len(SEGMENT_RULES)))]
                    bad = damage(dma.rules, made, rule, int(rng.integers(0, len(segments))))
                    segments = list(bad.segments) if bad else segments
                columns.extend(segments)
                bounds.append(len(columns))
                mine.append((segments, dma.submit_raw(direction, segments, port=Port.PATTERN)))
        table = np.array(columns, np.uint64)
        check = check_batch(dma.rules, direction, table[:, 0], table[:, 1], np.array(bounds))
        verdicts += zip(check.rule.tolist(), check.segment_index.tolist(), strict=True)
        transfers += mine
    for (segments, transfer), (code, index) in zip(transfers, verdicts, strict=True):
        done = outcome(transfer)
        wanted = (Status.OK, None) if not code else (status_of_rule(Rule(code)), None if index == 0xFFFF else index)
        assert (done.status, done.segment_index) == wanted, (segments, done.status_name)
        total = sum(length for _, length in segments)
        assert done.bytes_moved == (0 if code else total)
        if not code and transfer.batch.direction is Direction.C2H:
            ground.received(segments, pattern(0, 0, total))
    ground.verify()
    ledger.balance()


def test_refusals_in_between_do_not_reorder_good_requests(dma: Dma, ground: Ground, ledger: Ledger) -> None:
    """Good and refused requests alternate in one queue; completions keep the order of submission."""
    made = [ground.compose(Direction.H2C, 1, 64) for _ in range(40)]
    with dma.batch():
        transfers = [
            submit(dma, request, Port.PATTERN, queue=0) if index % 2 == 0
            else dma.submit_raw(Direction.H2C, request.segments, total=0, queue=0)
            for index, request in enumerate(made)
        ]  # fmt: skip
    dma.wait_all()
    done = [outcome(transfer) for transfer in transfers]
    assert [record.ok for record in done] == [index % 2 == 0 for index in range(40)]
    good = [record.sequence_number for record in done[::2]]
    assert all(early < late for early, late in pairwise(good))
    assert sorted(record.sequence_number for record in done) == list(range(40))
    ledger.balance()
