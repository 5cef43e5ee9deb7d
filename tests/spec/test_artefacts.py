"""The declarations, and what is generated from them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from sgdma.paths import checkout_root
from sgdma.spec.emit import ARTEFACTS
from sgdma.spec.layout import COMPLETION, COMPLETION_BYTES, HEADER, LAYOUTS, SEGMENT, SLOT_BYTES, Layout
from sgdma.spec.registers import BANKS, Bank, map_hash


@pytest.mark.parametrize("path", ARTEFACTS)
def test_generated_files_are_fresh(path: str) -> None:
    make: Callable[[], str] = ARTEFACTS[path]
    text = (checkout_root() / path).read_text(encoding="utf-8")
    assert text == make(), f"{path} is stale; run python -m sgdma.spec.emit"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_members_lie_where_their_fields_say(layout: Layout) -> None:
    offset = 0
    places = {name: place for name, (_, place) in ((n, v[:2]) for n, v in (layout.dtype().fields or {}).items())}
    for field in layout.fields:
        name = field.member or field.name
        member = f"{name}_lo" if field.bits == 48 else name
        assert places[member] == offset // 8 or field.member
        offset += field.bits
    assert offset == 8 * layout.bytes


def test_sizes_are_those_of_the_rings() -> None:
    assert HEADER.itemsize == SEGMENT.itemsize == SLOT_BYTES
    assert COMPLETION.itemsize == COMPLETION_BYTES
    kinds = [np.frombuffer(bytes(15) + b"\xa1", HEADER), np.frombuffer(bytes(14) + b"\x02\x51", SEGMENT)]
    assert kinds[0]["kind_opcode"][0] == 0xA1
    assert kinds[1]["kind_index"][0] == 0x5102


@pytest.mark.parametrize("bank", BANKS, ids=lambda bank: bank.name)
def test_registers_and_fields_are_unique_and_apart(bank: Bank) -> None:
    names = [register.name for register in bank.registers]
    assert len(set(names)) == len(names)
    assert [bank.address(name) for name in names] == [bank.base + 4 * i for i in range(len(names))]
    for register in bank.registers:
        masks = [field.mask for field in register.fields]
        assert sum(masks) == int(np.bitwise_or.reduce(masks or [0])) < 1 << 32
        assert len({field.name for field in register.fields}) == len(masks)


def test_banks_do_not_overlap() -> None:
    spans = sorted((bank.base, bank.base + 4 * len(bank.registers)) for bank in BANKS)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    assert map_hash() == map_hash()
