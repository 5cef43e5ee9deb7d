"""``sgdma rules``: the rule sets, to read and to check."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from sgdma.errors import RulesFileError
from sgdma.rules import Direction, DirectionRules, RuleSet, load, names
from sgdma.rules.smallest import smallest_request

__all__ = ["app"]

app = typer.Typer(help="Alignment rule sets: list, show, check.", no_args_is_help=True)

_MEANING = {
    "address_align": "every segment starts on a multiple",
    "length_align": "every length but the last is a multiple",
    "tail_align": "the last length is a multiple",
    "skew": "every segment starts at this residue",
    "residue_match": "host and card address agree modulo it",
    "gap_boundary": "inner segments start and end on it",
    "segment_boundary": "no segment crosses a multiple",
    "end_rule": "where a last byte may not lie",
    "min_segment_size": "bytes, each segment",
    "max_segment_size": "bytes, each segment",
    "max_last_segment": "bytes, the last segment",
    "max_segments": "segments in a request",
    "total_align": "the request's length is a multiple",
    "max_request_size": "bytes in a request",
}


@app.command("list")
def list_rules() -> None:
    """The shipped rule sets."""
    name, content = Column("name", no_wrap=True), Column("hash", overflow="fold")
    table = Table(name, "what it describes", "address", "length field", content)
    for rules in map(load, names()):
        width = f"{rules.length_bits} bit, {rules.length_encoding}"
        table.add_row(rules.name, rules.title, f"{rules.address_bits} bit", width, rules.content_hash())
    Console().print(table)


@app.command("show")
def show_rules(name: Annotated[str, typer.Argument(help="A shipped name, or the path of a TOML file.")]) -> None:
    """One rule set, both directions side by side."""
    with _refusing():
        _show(load(name), Console())


@app.command("check")
def check_rules(file: Annotated[str, typer.Argument(help="The path of a TOML file, or a shipped name.")]) -> None:
    """Refuse a file that no request could obey, with exit code 2; else print its name, hash and smallest requests."""
    with _refusing():
        rules = load(file)
        smallest = " and ".join(f"{_size(smallest_request(rules, side))} {side.name}" for side in Direction)
    text = f"[green]{rules.name}[/]: obeyable, content hash {rules.content_hash()}; smallest requests: {smallest}"
    Console().print(text)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except RulesFileError as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error


def _show(rules: RuleSet, console: Console) -> None:
    console.print(f"[bold]{rules.name}[/]: {rules.title}\nSource: {rules.source}")
    boundary = f", crossing no {_size(rules.table_boundary)} line" if rules.table_boundary else ""
    console.print(
        f"{rules.address_bits} address bits; length in {rules.length_bits} bits, {rules.length_encoding}; "
        f"tables on {_size(rules.table_align)}{boundary}; hash {rules.content_hash()}"
    )
    table = Table("rule", *(side.name for side in Direction), "meaning")
    for key, meaning in _MEANING.items():
        values = [_said(rules.direction(side), key) for side in Direction]
        if any(values):
            table.add_row(key, *values, meaning)
    console.print(table)


def _said(side: DirectionRules, key: str) -> str:
    """The rule's value in words, empty when it forbids nothing."""
    if key == "skew":
        return f"{side.skew_residue} modulo {side.skew_modulus}" if side.skew_modulus > 1 else ""
    if key == "end_rule":
        forbidden = ", ".join(map(str, side.end_forbidden))
        return f"not {forbidden} modulo {side.end_modulus}" if forbidden else ""
    value = getattr(side, key)
    neutral = {field.name: field.default for field in dataclasses.fields(side)}[key]
    unsaid = value == (side.length_align if key == "tail_align" else neutral)
    return "" if unsaid else str(value) if key == "max_segments" else _size(value)


def _size(value: int) -> str:
    """Bytes with a binary unit where that is exact."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value and value % unit == 0:
            return f"{value // unit} {name}"
    return f"{value} B"
