"""Registers by name instead of by address."""

from __future__ import annotations

from sgdma.spec.registers import BANKS, Bank
from sgdma.targets import Target

__all__ = ["Registers"]


class Registers:
    """One bank of a target's registers. Names and fields are those of :mod:`sgdma.spec.registers`."""

    def __init__(self, target: Target, bank: str = "sgdma") -> None:
        self._target = target
        self._bank: Bank = next(known for known in BANKS if known.name == bank)
        offset = target.bases[bank] - self._bank.base
        self._address = {r.name: self._bank.address(r.name) + offset for r in self._bank.registers}

    def address(self, name: str) -> int:
        """Byte address on this target; KeyError for an unknown name."""
        return self._address[name]

    def read(self, name: str) -> int:
        """The whole register."""
        return self._target.read32(self._address[name])

    def fields(self, name: str) -> dict[str, int]:
        """All fields of one read."""
        return self._bank.register(name).unpack(self.read(name))

    def field(self, name: str, field: str) -> int:
        """One field."""
        return self.fields(name)[field]

    def write(self, name: str, value: int = 0, **fields: int) -> None:
        """Write `value` with `fields` put in place. Raises ValueError for a field value that does not fit."""
        register = self._bank.register(name)
        for field, number in fields.items():
            bits = register.field(field)
            if not 0 <= number < 1 << bits.size:
                raise ValueError(f"{name}.{field} = {number}: must be 0..{(1 << bits.size) - 1}")
            value |= number << bits.offset
        self._target.write32(self._address[name], value)

    def write64(self, name: str, value: int) -> None:
        """Write the pair ``name_lo``, ``name_hi``."""
        self.write(f"{name}_lo", value & 0xFFFFFFFF)
        self.write(f"{name}_hi", value >> 32)

    def read64(self, name: str) -> int:
        """Read the pair, low half first."""
        low = self.read(f"{name}_lo")
        return low | self.read(f"{name}_hi") << 32

    def snapshot(self) -> dict[str, int]:
        """Every readable register of the bank, in order."""
        return {r.name: self.read(r.name) for r in self._bank.registers if r.access != "wo"}
