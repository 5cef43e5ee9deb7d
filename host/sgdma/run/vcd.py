"""Waves as numbers: chosen signals of a VCD file, sampled as a clock's rising edges see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from sgdma.errors import UsageError

__all__ = ["samples"]


def samples(path: Path, clock: str, signals: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """One record a rising edge of `clock`: the value that each signal had just before it; unknown bits are 0.

    `signals`: by the name that it has in the records, the path in the file, scopes and name joined by dots. Raises
    UsageError when the file lacks one.
    """
    with path.open(encoding="utf-8") as file:
        codes = _codes(file)
        missing = [name for name in (clock, *signals.values()) if name not in codes]
        if missing:
            raise UsageError(f"{path} has no signal {', '.join(missing)}; it has {len(codes)}")
        wanted: dict[str, list[str]] = {}
        for name, source in signals.items():
            wanted.setdefault(codes[source], []).append(name)
        yield from _sampled(file, codes[clock], wanted, dict.fromkeys(signals, 0))


def _codes(file: IO[str]) -> dict[str, str]:
    """Path of every signal to its code in the file, which is read up to the end of its head."""
    scopes: list[str] = []
    codes = {}
    for line in file:
        words = line.split()
        if not words:
            continue
        if words[0] == "$scope":
            scopes.append(words[2])
        elif words[0] == "$upscope":
            scopes.pop()
        elif words[0] == "$var":
            codes[".".join([*scopes, words[4]])] = words[3]
        elif words[0] == "$enddefinitions":
            break
    return codes


def _sampled(
    file: IO[str], clock: str, wanted: Mapping[str, list[str]], values: dict[str, int]
) -> Iterator[dict[str, int]]:
    changed: dict[str, int] = {}
    rising = False
    for line in file:
        if line[0] == "#":  # a new moment: what changed in the last one took effect after its edge
            if rising:
                yield dict(values)
            values |= changed
            changed, rising = {}, False
            continue
        if line[0] in "01xz":
            code, value = line[1:].strip(), int(line[0] == "1")
        elif line[0] == "b":
            bits, code = line[1:].split()
            value = int(bits.replace("x", "0").replace("z", "0"), 2)
        else:
            continue
        rising = rising or (code == clock and value == 1)
        for name in wanted.get(code, ()):
            changed[name] = value
