"""``sgdma rules`` and ``sgdma plan``, through typer."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sgdma.commands import plan, rules
from sgdma.rules import names

app = typer.Typer()
app.add_typer(rules.app, name="rules")
app.command("plan")(plan.plan_command)


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "150"})
    return result.exit_code, result.output


def test_the_list_names_every_shipped_set() -> None:
    code, text = call("rules", "list")
    assert code == 0
    assert all(name in text for name in names())


@pytest.mark.parametrize("name", names())
def test_a_set_can_be_shown(name: str) -> None:
    code, text = call("rules", "show", name)
    assert code == 0
    assert "Source:" in text
    assert "max_segment_size" in text


def test_a_bad_file_is_refused_with_code_2(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("nmae = 1")
    code, text = call("rules", "check", str(tmp_path / "bad.toml"))
    assert code == 2
    assert "did you mean name?" in text.replace("\n", " ")


def test_a_good_one_passes_and_shows_its_smallest_requests() -> None:
    code, text = call("rules", "check", "peculiar")
    assert code == 0
    assert "smallest requests: 1 B H2C and 4 B C2H" in text


@pytest.mark.parametrize(("rule", "told"), [
    ("length_align = 4\nmax_request_size = 3", "smallest that it could be, of 4 bytes"),
    ("min_segment_size = 182\nlength_align = 32\nmax_request_size = 191", "smallest that it could be, of 192 bytes"),
])  # fmt: skip
def test_rules_that_leave_no_request_are_refused(tmp_path: Path, rule: str, told: str) -> None:
    rest = 'name = "mine"\ntitle = "T"\nsource = "S"\naddress_bits = 40\nlength_bits = 16\ntable_align = 64\n'
    file = tmp_path / "mine.toml"
    file.write_text(f"{rest}[both]\nmax_segment_size = 256\nmax_segments = 8\n{rule}\n")
    code, text = call("rules", "check", str(file))
    assert code == 2
    assert told in text.replace("\n", " ")
    file.write_text(file.read_text().replace(rule, "max_request_size = 1024"))
    assert call("rules", "check", str(file))[0] == 0


def test_a_card_address_may_be_hexadecimal() -> None:
    assert call("plan", "--rules", "peculiar", "--card-address", "0x40", "0x1000+64")[0] == 0


def test_a_plan_shows_segments_and_copies() -> None:
    code, text = call("plan", "--rules", "axi-dma", "--direction", "h2c", "0x1000+64", "0x2001+16", "0x3000+40")
    assert code == 0
    assert "104 bytes direct, 16 bytes bounced" in text
    assert "0x2001" in text
    assert "area + 0x0" in text


@pytest.mark.parametrize("words", [["12"], ["a+b"], ["--direction", "up", "0+4"], ["--rules", "nope", "0+4"], ["0+0"]])
def test_a_wrong_request_is_refused_with_code_2(words: list[str]) -> None:
    assert call("plan", *words)[0] == 2
