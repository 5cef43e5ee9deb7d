"""Rule files: what is refused and how the refusal reads, and that the shipped ones mean what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgdma.errors import RulesFileError, UsageError
from sgdma.rules import load, loads, names

HEAD = """
name = "t"
title = "T"
source = "S"
address_bits = 32
length_bits = 16
length_encoding = "plain"
table_align = 16
table_boundary = 0
"""
BOTH = "[both]\nmax_segment_size = 4096\nmax_segments = 8\nmax_request_size = 65536\n"
GOOD = HEAD + BOTH

REFUSED = [  # text, what the message must contain
    (GOOD + "address_aling = 4", ["address_aling", "did you mean address_align?"]),
    (GOOD + "[h2d]\naddress_align = 4", ["h2d"]),
    (GOOD.replace("address_bits", "adress_bits"), ["adress_bits", "did you mean address_bits?"]),
    (GOOD.replace("max_segments = 8", ""), ["max_segments is missing"]),
    (GOOD.replace('source = "S"', ""), ["source is missing"]),
    (GOOD + "address_align = 3", ["[h2c]", "address_align = 3", "power of two"]),
    (GOOD + "[c2h]\naddress_align = 3", ["[c2h]", "address_align = 3"]),
    (GOOD + "address_align = 8192", ["address_align = 8192", "4096"]),
    (GOOD.replace('"t"', '" "'), ["name = ' '", "must not be empty"]),
    (GOOD + "address_aling = 4", ["my.toml [both]: address_aling"]),
    (GOOD + "address_align = []", ["my.toml [both]", "an integer"]),
    (GOOD + "[boths]\naddress_align = 4", ["did you mean both?", "both, h2c, c2h"]),
    (GOOD + "address_align = true", ["address_align = True", "an integer"]),
    (GOOD + 'address_align = "4"', ["address_align = '4'", "an integer"]),
    (GOOD + "length_align = 2\ntail_align = 4", ["tail_align = 4", "divide length_align 2"]),
    (GOOD + "tail_align = 0", ["tail_align = 0"]),
    (GOOD + "skew = 4", ["skew = 4", "modulus and residue"]),
    (GOOD + "skew = { modulus = 8 }", ["skew", "modulus and residue"]),
    (GOOD + "skew = { modulus = 8, residue = 8 }", ["residue = 8", "below the modulus 8"]),
    (GOOD + "address_align = 4\nskew = { modulus = 8, residue = 2 }", ["residue = 2", "address_align 4"]),
    (GOOD + "skew = { modulus = 8, residue = 4 }\ngap_boundary = 16", ["residue = 4", "gap_boundary 16"]),
    (GOOD + "end_rule = { modulus = 128, forbidden = [0] }", ["end_modulus = 128", "64"]),
    (GOOD + "end_rule = { modulus = 4, forbidden = [4] }", ["forbidden = [4]", "below the modulus 4"]),
    (GOOD + "end_rule = { modulus = 2, forbidden = [0, 1] }", ["forbidden", "every possible end"]),
    (GOOD + "address_align = 8\nlength_align = 8\ntail_align = 1\nend_rule = { modulus = 8, forbidden = [7] }",
     ["forbidden = [7]", "isn't the last"]),
    (GOOD + "end_rule = { modulus = 4, forbidden = 1 }", ["end_rule.forbidden = 1", "list of integers"]),
    (GOOD + "residue_match = 8192", ["residue_match = 8192", "4096"]),
    (GOOD + "min_segment_size = 5000", ["max_segment_size = 4096", "min_segment_size 5000"]),
    (GOOD + "min_segment_size = 4090\nlength_align = 4096\ntail_align = 1\n[h2c]\nmax_segment_size = 4095",
     ["max_segment_size = 4095", "length_align 4096"]),
    (GOOD + "min_segment_size = 64\nsegment_boundary = 32", ["segment_boundary = 32", "64"]),
    (GOOD + "segment_boundary = 48", ["segment_boundary = 48", "power of two"]),
    (GOOD + "min_segment_size = 64\nmax_last_segment = 32", ["max_last_segment = 32", "64"]),
    (GOOD.replace("max_segments = 8", "max_segments = 512"), ["max_segments = 512", "1..511"]),
    (GOOD.replace("max_segments = 8", "max_segments = 0"), ["max_segments = 0", "1..511"]),
    (GOOD.replace("= 4096", "= 65536"), ["max_segment_size = 65536", "says at most 65535"]),
    (GOOD.replace("address_bits = 32", "address_bits = 11"), ["address_bits = 11", "12..64"]),
    (GOOD.replace("length_bits = 16", "length_bits = 33"), ["length_bits = 33", "1..32"]),
    (GOOD.replace('"plain"', '"zero"'), ["length_encoding = 'zero'", "zero_is_max"]),
    (GOOD.replace("table_align = 16", "table_align = 24"), ["table_align = 24", "power of two"]),
    (GOOD.replace("table_boundary = 0", "table_boundary = 8"), ["table_boundary = 8", "table_align 16"]),
    ("name = ", ["not TOML"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_refusal_names_file_key_value_and_limit(text: str, words: list[str]) -> None:
    with pytest.raises(RulesFileError) as refused:
        loads(text, "my.toml")
    message = str(refused.value)
    for word in ["my.toml", *words]:
        assert word in message
    assert isinstance(refused.value, UsageError)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(RulesFileError, match="did you mean peculiar"):
        load("peculier")


def test_an_unreadable_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesFileError, match=r"none\.toml"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize("name", names())
def test_a_shipped_set_survives_the_round_trip(name: str, tmp_path: Path) -> None:
    rules = load(name)
    assert rules.name == name
    assert all([rules.title, rules.source])
    (tmp_path / "copy.toml").write_text(rules.to_toml())
    assert load(tmp_path / "copy.toml") == rules


def test_the_hash_covers_meaning_and_nothing_else() -> None:
    base = loads(GOOD)
    renamed = loads("# note\n" + GOOD.replace('"T"', '"Other"').replace('"t"', '"u"'))
    assert base.content_hash() == renamed.content_hash()
    assert base.content_hash() != loads(GOOD + "address_align = 2").content_hash()
    assert f"{int(base.content_hash(), 16):016x}" == base.content_hash()


def test_hashes_of_different_shipped_sets_differ() -> None:
    # promise-sata and ata-prd share everything but one rule
    assert len({load(name).content_hash() for name in names()}) == len(names())


def test_directions_override_the_shared_table() -> None:
    rules = loads(GOOD + "address_align = 4\n[c2h]\naddress_align = 8\n")
    assert (rules.h2c.address_align, rules.c2h.address_align) == (4, 8)


def test_what_has_a_separator_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("okfile").write_text(GOOD)
    assert load("./okfile").name == "t"
    with pytest.raises(RulesFileError, match="no shipped rule set"):
        load("okfile")


def test_a_shipped_name_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace('"t"', '"peculiar"'))
    with pytest.raises(RulesFileError, match="name = 'peculiar': must be another"):
        load(path)
