"""Is this the device that the host believes to talk to? Asked once, before anything else."""

from __future__ import annotations

from dataclasses import dataclass

from sgdma.engine.registers import Registers
from sgdma.errors import HashMismatch, MapMismatch, RulesMismatch, VersionMismatch, WrongDevice
from sgdma.rules import RuleSet, load, names
from sgdma.spec.registers import MAGIC, VERSION, map_hash
from sgdma.targets import Target

__all__ = ["Identity", "choose_rules", "probe"]


@dataclass(frozen=True)
class Identity:
    """What the device says of itself. ``content_hash`` has 128 bits; sizes in bytes, ``data_width`` in bits."""

    version: int
    map_hash: int
    rules_hash: int
    content_hash: int
    clock_hz: int
    data_width: int
    queues: int
    burst_bytes: int
    address_bits: int
    crc: bool
    realign_h2c: bool
    realign_c2h: bool
    fixture: bool
    list_slots: int
    prefetch_slots: int

    @property
    def version_text(self) -> str:
        """major.minor."""
        return f"{self.version >> 16}.{self.version & 0xFFFF}"


def probe(target: Target, *, allow_mismatch: bool = False) -> Identity:
    """Read the identity and refuse a device that the host does not know.

    Raises WrongDevice and VersionMismatch always, MapMismatch and HashMismatch unless `allow_mismatch`.
    """
    registers = Registers(target)
    magic = registers.read("magic")
    if magic != MAGIC:
        down = magic in (0, 0xFFFFFFFF)
        hint = "the link is down or the board is not configured" if down else "another design is loaded"
        raise WrongDevice(f"{target.url}: magic {magic:#010x}, not {MAGIC:#010x}: {hint}; load an sgdma bitstream")
    version = registers.read("version")
    if version >> 16 != VERSION >> 16:
        theirs = f"{version >> 16}.{version & 0xFFFF}"
        raise VersionMismatch(f"{target.url}: interface version {theirs}, this host speaks {VERSION >> 16}.x; "
                              "build the device from this checkout or use its own sgdma")  # fmt: skip
    identity = _read(registers, version)
    if allow_mismatch:
        return identity
    if identity.map_hash != map_hash():
        raise MapMismatch(f"{target.url}: register map {identity.map_hash:#010x}, this host knows {map_hash():#010x}; "
                          "rebuild the device, or insist with allow_mismatch=True (--allow-mismatch)")  # fmt: skip
    if target.expected_hash not in (None, identity.content_hash):
        raise HashMismatch(f"{target.url}: content hash {identity.content_hash:032x}, the rig built "
                           f"{target.expected_hash:032x}: a stale or foreign bitstream; load the built one, or "
                           "insist with allow_mismatch=True (--allow-mismatch)")  # fmt: skip
    return identity


def choose_rules(
    target: Target, identity: Identity, rules: RuleSet | str | None, *, allow_mismatch: bool = False
) -> RuleSet:
    """The rule set to plan by: the given one, the rig's, or the shipped one of the device's hash; checked against it.

    A name or path is loaded. Raises :class:`RulesMismatch`, :class:`RulesFileError`.
    """
    chosen = load(rules) if isinstance(rules, str) else rules or target.rules
    if chosen is None:
        chosen = next((shipped for shipped in map(load, names()) if _hash(shipped) == identity.rules_hash), None)
        if chosen is None:
            raise RulesMismatch(f"{target.url}: rules hash {identity.rules_hash:#010x} is of no shipped rule set; "
                                "name the file that the device was built with")  # fmt: skip
    if _hash(chosen) != identity.rules_hash and not allow_mismatch:
        raise RulesMismatch(f"{target.url}: the device enforces rules {identity.rules_hash:#010x}, {chosen.name} is "
                            f"{_hash(chosen):#010x}; name the set that it was built with, build it for {chosen.name} "
                            "(a model or simulator: rules= in its URL), or insist with allow_mismatch=True "
                            "(--allow-mismatch)")  # fmt: skip
    return chosen


def _hash(rules: RuleSet) -> int:
    return int(rules.content_hash()[:8], 16)


def _read(registers: Registers, version: int) -> Identity:
    geometry, limits = registers.fields("geometry"), registers.fields("limits")
    return Identity(
        version=version, map_hash=registers.read("map_hash"), rules_hash=registers.read("rules_hash"),
        content_hash=sum(registers.read(f"hash{i}") << 32 * i for i in range(4)), clock_hz=registers.read("clock_hz"),
        data_width=8 << geometry["data_bytes_log2"], queues=geometry["queues"], burst_bytes=1 << geometry["burst_log2"],
        address_bits=geometry["address_bits"], crc=bool(geometry["crc"]), realign_h2c=bool(geometry["realign_h2c"]),
        realign_c2h=bool(geometry["realign_c2h"]), fixture=bool(geometry["fixture"]), list_slots=limits["list_slots"],
        prefetch_slots=limits["prefetch_slots"],
    )  # fmt: skip
