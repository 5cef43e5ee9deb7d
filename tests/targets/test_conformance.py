"""The contract of targets, on every implementation that runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sgdma.targets import Target, conformance, open_target

URLS = ["model:", "model:?rules=nvme-prp&queues=1&data_width=512&crc=0", "model:?rules=ata-prd&jitter=50"]


@pytest.fixture(params=URLS)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with open_target(request.param) as opened:
        yield opened


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
def test_a_target_keeps_the_contract(target: Target, check: Callable[[Target], None]) -> None:
    check(target)


def test_closing_twice_is_allowed() -> None:
    target = open_target("model:")
    target.close()
    target.close()
