"""Build parameters of the device: what the generator, the model and a target's URL agree on, and what follows."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sgdma.errors import BuildParameterError
from sgdma.rules import DirectionRules, RuleSet, load
from sgdma.spec.registers import VERSION, map_hash
from sgdma.spec.rtl_rules import LENGTH_ENCODINGS, pack_rules, ring_align

__all__ = ["DATA_WIDTHS", "BuildParameters", "granule", "needs_realign"]

DATA_WIDTHS = (64, 128, 256, 512)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildParameters:
    """One build of the device. Raises :class:`BuildParameterError` for what can't be built.

    ``rules``: a shipped rule set's name or a TOML file's path. Sizes in bytes, ``data_width`` in bits. ``fixture``: 1
    with the test fixture, 0 with the core's user side as ports, for a design of your own; no target has such a build.
    ``guard``: 1 with a guard on the memory bus that makes ranges fail, as boards have it.
    """

    rules: str = "peculiar"
    data_width: int = 64
    queues: int = 4
    burst_bytes: int = 512
    crc: int = 1
    fixture: int = 1
    guard: int = 0
    list_slots: int = 512
    prefetch_slots: int = 256
    memory_bytes: int = 65536
    loopback_bytes: int = 16384
    clock_hz: int = 125_000_000

    def __post_init__(self) -> None:
        beat = self.data_width // 8
        _one_of("data_width", self.data_width, DATA_WIDTHS)
        _within("queues", self.queues, 1, 31)
        _power("burst_bytes", self.burst_bytes, 2 * beat, min(4096, 256 * beat))
        _one_of("crc", self.crc, (0, 1))
        _one_of("fixture", self.fixture, (0, 1))
        _one_of("guard", self.guard, (0, 1))
        _power("list_slots", self.list_slots, 16, 16384)
        _power("prefetch_slots", self.prefetch_slots, 32, 32768)
        _power("memory_bytes", self.memory_bytes, 4096, 1 << 30)
        _power("loopback_bytes", self.loopback_bytes, 1024, 1 << 24)
        _within("clock_hz", self.clock_hz, 1, (1 << 32) - 1)
        for side in (self.rule_set.h2c, self.rule_set.c2h):
            if side.max_segments > self.list_slots:
                raise _refused("list_slots", self.list_slots, f"at least max_segments = {side.max_segments}")
            try:
                pack_rules(side)
            except ValueError as error:
                raise _refused("rules", self.rules, f"within the rule word ({error})") from error

    @classmethod
    def from_mapping(cls, values: Mapping[str, str], others: Iterable[str] = ()) -> BuildParameters:
        """From text, as a target's URL holds it; `others`: what else an error lists, the target's own parameters.

        Raises :class:`BuildParameterError` for unknown names and values, and for a build without fixture: the suite
        would have nothing to talk to.
        """
        known = {field.name: field for field in dataclasses.fields(cls)}
        typed: dict[str, Any] = {}
        for name, text in values.items():
            if name not in known:
                there = ", ".join((*known, *others))
                raise BuildParameterError(f"build parameter {name!r} is unknown; there are {there}")
            try:
                typed[name] = text if name == "rules" else int(text, 0)
            except ValueError:
                raise _refused(name, text, "an integer") from None
        if not typed.get("fixture", 1):
            raise _refused("fixture", 0, "1 in a target, since tests need it (sgdma gen --no-fixture leaves it out)")
        return cls(**typed)

    @property
    def rule_set(self) -> RuleSet:
        """The loaded rule set."""
        return _loaded(self.rules)

    @property
    def beat_bytes(self) -> int:
        """Bytes of one beat of the memory bus and of the streams."""
        return self.data_width // 8

    def content(self) -> dict[str, Any]:
        """Everything that decides what is built, as plain values."""
        values = dataclasses.asdict(self) | {"rules": self.rule_set.semantics()}
        return values | {"version": VERSION, "map_hash": map_hash()}

    def content_hash(self, source: str = "") -> int:
        """128 bits over :meth:`content` and `source`, a digest of the sources that were built (empty for the model)."""
        text = json.dumps([self.content(), source], sort_keys=True, separators=(",", ":"))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")

    def rules_hash(self) -> int:
        """Value of the register ``rules_hash``: the first 32 bits of the rule set's content hash."""
        return int(self.rule_set.content_hash()[:8], 16)

    def geometry(self) -> dict[str, int]:
        """Field values of the register ``geometry``."""
        rules, beat = self.rule_set, self.beat_bytes
        return {
            "data_bytes_log2": beat.bit_length() - 1, "queues": self.queues,
            "burst_log2": self.burst_bytes.bit_length() - 1, "address_bits": rules.address_bits, "crc": self.crc,
            "realign_h2c": int(needs_realign(rules.h2c, beat)), "realign_c2h": int(needs_realign(rules.c2h, beat)),
            "fixture": self.fixture,
        }  # fmt: skip

    def rtl_parameters(self) -> dict[str, int]:
        """Parameters of ``sgdma_core`` that follow from the rules and the bus."""
        rules, beat = self.rule_set, self.beat_bytes
        return {
            "DATA_WIDTH": self.data_width, "QUEUES": self.queues, "BURST": self.burst_bytes, "CRC": self.crc,
            "LIST_SLOTS": self.list_slots, "PREFETCH": self.prefetch_slots,
            "H2C_RULES": pack_rules(rules.h2c), "C2H_RULES": pack_rules(rules.c2h),
            "TABLE_ALIGN": ring_align(rules), "TABLE_BOUNDARY": rules.table_boundary,
            "ADDRESS_BITS": rules.address_bits, "LENGTH_BITS": rules.length_bits,
            "LENGTH_ENCODING": LENGTH_ENCODINGS.index(rules.length_encoding),
            "REALIGN_H2C": int(needs_realign(rules.h2c, beat)), "REALIGN_C2H": int(needs_realign(rules.c2h, beat)),
            "GRANULE_H2C": granule(rules.h2c, beat), "GRANULE_C2H": granule(rules.c2h, beat),
        }  # fmt: skip


def granule(side: DirectionRules, beat_bytes: int) -> int:
    """Largest power of two, at most a beat, that divides every segment's start and every length but the last."""
    start = max(side.address_align, side.skew_modulus if side.skew_residue == 0 else 1)
    if side.skew_residue:
        start = max(start, side.skew_residue & -side.skew_residue)
    if side.max_segments == 1:
        return min(start, beat_bytes)
    # All but the first start on gap_boundary and all but the last end there: with an aligned start, lengths follow.
    length = max(side.length_align, min(start, side.gap_boundary))
    return min(start, length, beat_bytes)


def needs_realign(side: DirectionRules, beat_bytes: int) -> bool:
    """Whether payload bytes can change lanes between memory and stream: unless everything is beat-aligned."""
    return granule(side, beat_bytes) < beat_bytes


_CACHE: dict[str, RuleSet] = {}


def _loaded(name: str) -> RuleSet:
    """Rule sets by name, read once: a path is read each time, since a file may change."""
    if "/" in name or name.endswith(".toml"):
        return load(name)
    if name not in _CACHE:
        _CACHE[name] = load(name)
    return _CACHE[name]


def _refused(name: str, value: object, limit: str) -> BuildParameterError:
    return BuildParameterError(f"build parameter {name} = {value!r}: must be {limit}")


def _one_of(name: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        raise _refused(name, value, f"one of {', '.join(map(str, allowed))}")


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise _refused(name, value, f"{low}..{high}")


def _power(name: str, value: int, low: int, high: int) -> None:
    if value & (value - 1) or not low <= value <= high:
        raise _refused(name, value, f"a power of two, {low}..{high}")
