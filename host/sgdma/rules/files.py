"""Rule sets as TOML files: the shipped ones by name, anybody's by path."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from sgdma.errors import RulesFileError
from sgdma.rules.language import DirectionRules, RuleSet
from sgdma.rules.validity import bad

__all__ = ["load", "loads", "names", "to_toml"]

_Kind = TypeVar("_Kind", RuleSet, DirectionRules)
_SIDES = ("h2c", "c2h")
_TABLES = ("both", *_SIDES)
_TOP = {field.name: field for field in dataclasses.fields(RuleSet) if field.name not in _SIDES}
_PAIRS = {  # TOML inline table: its keys -> field names
    "skew": {"modulus": "skew_modulus", "residue": "skew_residue"},
    "end_rule": {"modulus": "end_modulus", "forbidden": "end_forbidden"},
}
_PAIRED = {field for keys in _PAIRS.values() for field in keys.values()}
_PLAIN = {field.name: field for field in dataclasses.fields(DirectionRules) if field.name not in _PAIRED}


def names() -> list[str]:
    """Names of the shipped rule sets, sorted."""
    folder = resources.files("sgdma.rules") / "sets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(path_or_name: str | Path) -> RuleSet:
    """The shipped set of that name, or the file at that path: anything that ends in ``.toml`` or has a separator.

    Raises :class:`RulesFileError`, which names the file, the key, its value and the limit.
    """
    path = Path(path_or_name)
    if path.suffix == ".toml" or os.sep in str(path_or_name):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            remedy = f"name a file or one of {', '.join(names())}"
            raise RulesFileError(f"{path}: can't be read: {error}; {remedy}") from error
        return _own(loads(text, str(path)), str(path))
    if str(path) not in names():
        hint = _did_you_mean(str(path), names())
        raise RulesFileError(f"{path}: no shipped rule set has that name{hint}; there are {', '.join(names())}")
    text = (resources.files("sgdma.rules") / "sets" / f"{path}.toml").read_text(encoding="utf-8")
    return loads(text, f"{path}.toml")


def loads(text: str, where: str = "rules") -> RuleSet:
    """A rule set from TOML text; `where` is how errors call it."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesFileError(f"{where}: not TOML: {error}") from error
    sides = {side: _values(_table(tree, side, where), f"{where} [{side}]") for side in _TABLES}
    _refuse_unknown(tree, (*_TOP, *_TABLES), where)
    top = {key: _typed(where, key, value, str if _TOP[key].type == "str" else int) for key, value in tree.items()}
    _require(top, _TOP, where)
    if not top["name"].strip():
        raise bad(where, "name", top["name"], "must not be empty")
    directions = {side: _direction(sides["both"] | sides[side], f"{where} [{side}]") for side in _SIDES}
    return _placed(where, RuleSet, {**top, **directions})


def to_toml(rules: RuleSet) -> str:
    """`rules` as TOML that :func:`loads` reads back to an equal value; neutral values are left out."""
    lines = [f"{key} = {_value(getattr(rules, key))}" for key in _TOP]
    for side in _SIDES:
        lines += ["", f"[{side}]", *_direction_lines(getattr(rules, side))]
    return "\n".join(lines) + "\n"


def _direction_lines(rules: DirectionRules) -> list[str]:
    neutral = {field.name: field.default for field in _PLAIN.values()} | {"tail_align": rules.length_align}
    lines = [f"{key} = {getattr(rules, key)}" for key in _PLAIN if getattr(rules, key) != neutral[key]]
    if rules.skew_modulus > 1:
        lines.append(f"skew = {{ modulus = {rules.skew_modulus}, residue = {rules.skew_residue} }}")
    if rules.end_forbidden:
        lines.append(f"end_rule = {{ modulus = {rules.end_modulus}, forbidden = {list(rules.end_forbidden)} }}")
    return lines


def _value(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value)


def _table(tree: dict[str, Any], side: str, where: str) -> dict[str, Any]:
    table = tree.pop(side, {})
    if not isinstance(table, dict):
        raise bad(where, side, table, "must be a table")
    return table


def _own(rules: RuleSet, where: str) -> RuleSet:
    """A user's set, which may have a shipped one's name only when it demands the same."""
    if rules.name in names() and rules.content_hash() != load(rules.name).content_hash():
        raise bad(where, "name", rules.name, "must be another: a shipped rule set of other rules has that name")
    return rules


def _values(table: dict[str, Any], where: str) -> dict[str, Any]:
    """A table's rules as field values."""
    _refuse_unknown(table, (*_PLAIN, *_PAIRS), where)
    values: dict[str, Any] = {}
    for key, value in table.items():
        values |= _pair(where, key, value) if key in _PAIRS else {key: _typed(where, key, value, int)}
    if values.get("tail_align") == 0:
        raise bad(where, "tail_align", 0, "must be a power of two")
    return values


def _direction(values: dict[str, Any], where: str) -> DirectionRules:
    _require(values, _PLAIN, where)
    return _placed(where, DirectionRules, values)


def _pair(where: str, key: str, value: object) -> dict[str, Any]:
    """An inline table such as ``skew = { modulus = 8, residue = 2 }`` as field values."""
    keys = _PAIRS[key]
    if not isinstance(value, dict) or set(value) != set(keys):
        raise bad(where, key, value, f"must be a table with the keys {' and '.join(keys)}")
    values = {field: _typed(where, f"{key}.{part}", value[part], list if part == "forbidden" else int)
              for part, field in keys.items()}  # fmt: skip
    if key == "end_rule":
        residues = values["end_forbidden"]
        values["end_forbidden"] = tuple(_typed(where, "end_rule.forbidden", residue, int) for residue in residues)
    return values


def _typed(where: str, key: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        words = {int: "an integer", str: "a string", list: "a list of integers"}
        raise bad(where, key, value, f"must be {words[kind]}")
    return value


def _require(values: dict[str, Any], fields: dict[str, dataclasses.Field[Any]], where: str) -> None:
    missing = [key for key, field in fields.items() if field.default is dataclasses.MISSING and key not in values]
    if missing:
        raise RulesFileError(f"{where}: {missing[0]} is missing; a rule set can't be without {', '.join(missing)}")


def _refuse_unknown(table: dict[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for key in table:
        if key not in known:
            raise RulesFileError(f"{where}: {key} is no rule{_did_you_mean(key, known)}; known: {', '.join(known)}")


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _placed(where: str, kind: type[_Kind], values: dict[str, Any]) -> _Kind:
    """``kind(**values)``, with the place put in front of a refusal."""
    try:
        return kind(**values)
    except RulesFileError as error:
        text = str(error).removeprefix("rules: ")
        raise RulesFileError(text if text.startswith(where) else f"{where}: {text}") from None
