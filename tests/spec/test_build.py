"""Build parameters and what follows from them."""

from __future__ import annotations

import pytest

from sgdma.errors import BuildParameterError
from sgdma.rules import DirectionRules, names
from sgdma.spec.build import BuildParameters, granule, needs_realign


def side(**values: int) -> DirectionRules:
    return DirectionRules(max_segment_size=65536, max_segments=64, max_request_size=1 << 20, **values)


@pytest.mark.parametrize(
    ("rules", "beat", "expected"),
    [
        (side(), 8, 1),
        (side(address_align=8), 8, 1),
        (side(address_align=8, length_align=8), 8, 8),
        (side(address_align=64, length_align=64), 32, 32),
        (side(address_align=4, length_align=16, skew_modulus=16, skew_residue=4), 16, 4),
        (side(address_align=4, gap_boundary=4096), 8, 4),
        (side(address_align=16, gap_boundary=4096), 16, 16),
    ],
)
def test_the_granule_divides_every_start_and_inner_length(rules: DirectionRules, beat: int, expected: int) -> None:
    assert granule(rules, beat) == expected
    assert needs_realign(rules, beat) == (expected < beat)


def test_the_reference_device_realigns_in_one_direction_at_64_bit() -> None:
    geometry = BuildParameters().geometry()
    assert (geometry["realign_h2c"], geometry["realign_c2h"]) == (1, 0)


@pytest.mark.parametrize("name", names())
def test_every_shipped_rule_set_can_be_built(name: str) -> None:
    build = BuildParameters(rules=name)
    assert build.rtl_parameters()["H2C_RULES"] >= 0
    assert build.rules_hash() == int(build.rule_set.content_hash()[:8], 16)


def test_the_content_hash_tells_builds_apart() -> None:
    builds = [BuildParameters(), BuildParameters(queues=2), BuildParameters(rules="aligned64")]
    assert len({build.content_hash() for build in builds}) == 3
    assert BuildParameters().content_hash() == builds[0].content_hash() != builds[0].content_hash("other sources")


def test_a_wrong_parameter_is_named_with_its_limit() -> None:
    with pytest.raises(BuildParameterError, match=r"clock_hz = 0: must be 1\.\."):
        BuildParameters(clock_hz=0)
