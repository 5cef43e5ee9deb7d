"""``scheme:rest?name=value&...`` -> an open target. The scheme names a module that is imported only when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sgdma.errors import MissingCapability, TargetUrlError
from sgdma.targets.contract import Target

__all__ = ["SCHEMES", "Number", "Scheme", "TargetUrl", "check", "numbers", "open_target", "parse"]


@dataclass(frozen=True)
class Scheme:
    """One rung: where its class is (``module:Class``, constructed from a :class:`TargetUrl`), and what to say of it.

    ``parameters``: a function in the same module that refuses a wrong :class:`TargetUrl` and opens nothing.
    """

    where: str
    parameters: str
    title: str
    needs: str
    example: str


SCHEMES: dict[str, Scheme] = {
    "model": Scheme("sgdma.targets.model:ModelTarget", "parameters", "bit-true numpy model of the device", "pip only",
                    "model:?rules=nvme-prp&queues=2&data_width=256"),
    "sim": Scheme("sgdma.targets.sim:open_sim", "parameters",
                  "the LiteX-built core in Verilator; sim:pcie by TLPs, sim:uart a board",
                  "pip, g++, make, perl",
                  "sim:?rules=peculiar&data_width=64"),
    "uart": Scheme("sgdma.targets.uart:UartTarget", "parameters",
                   "a board behind a serial port, by our link or LiteX's UARTBone",
                   "pyserial", "uart:/dev/ttyUSB0"),
    "vfio": Scheme("sgdma.targets.vfio:open_vfio", "parameters",
                   "a PCIe board, or QEMU's virtual slot, through the kernel's VFIO",
                   "Linux with an IOMMU", "vfio:0000:01:00.0"),
    "vfio-user": Scheme("sgdma.targets.vfio:open_vfio_user", "parameters",
                        "a PCI function served on a UNIX socket by sgdma serve",
                        "Linux", "vfio-user:/tmp/board.sock"),
    "null": Scheme("sgdma.targets.null:NullTarget", "parameters",
                   "nothing: completes at once, a yardstick for the host", "pip only",
                   "null:?rules=nvme-prp"),
}  # fmt: skip


@dataclass(frozen=True)
class TargetUrl:
    """A URL taken apart: ``text`` as given, ``path`` between scheme and ``?``, ``query`` in the order given."""

    text: str
    scheme: str
    path: str
    query: dict[str, str]


@dataclass(frozen=True)
class Number:
    """An integer parameter of a target: its default, and the values it may have."""

    default: int
    low: int = 0
    high: int = (1 << 32) - 1
    step: int = 1

    def read(self, name: str, text: str) -> int:
        """The value that a URL gives it. Raises :class:`TargetUrlError`."""
        try:
            value = int(text, 0)
        except ValueError:
            raise TargetUrlError(f"target parameter {name} = {text!r}: must be an integer") from None
        if not self.low <= value <= self.high or value % self.step:
            multiple = f", a multiple of {self.step}" if self.step > 1 else ""
            raise TargetUrlError(f"target parameter {name} = {text}: must be {self.low}..{self.high}{multiple}")
        return value


def numbers(url: TargetUrl, known: Mapping[str, Number]) -> dict[str, int]:
    """The values of these parameters in a URL. Raises :class:`TargetUrlError`."""
    return {
        name: number.read(name, url.query[name]) if name in url.query else number.default
        for name, number in known.items()
    }


def parse(text: str) -> TargetUrl:
    """Take a URL apart. Raises :class:`TargetUrlError`."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        raise TargetUrlError(f"target {text!r}: unknown scheme {scheme + colon!r}; there are {known}")
    path, _, query = rest.partition("?")
    try:
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise TargetUrlError(f"target {text!r}: {query!r} must be name=value&name=value") from None
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise TargetUrlError(f"target {text!r}: parameter {twice} is given {names.count(twice)} times; give it once")
    return TargetUrl(text, scheme, path, dict(pairs))


def check(text: str) -> None:
    """Refuse a wrong URL, without opening anything. Raises :class:`~sgdma.errors.UsageError`, MissingCapability."""
    _checked(text)


def open_target(text: str) -> Target:
    """Open the target. Raises :class:`TargetUrlError` for a wrong URL, a :class:`~sgdma.errors.RigError` for a rig."""
    url = _checked(text)  # what is wrong comes before what is missing
    module, _, name = SCHEMES[url.scheme].where.partition(":")
    target: Target = _found(url, module, name)(url)
    return target


def _checked(text: str) -> TargetUrl:
    url = parse(text)
    scheme = SCHEMES[url.scheme]
    _found(url, scheme.where.partition(":")[0], scheme.parameters)(url)
    return url


def _found(url: TargetUrl, module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        needs = SCHEMES[url.scheme].needs
        raise MissingCapability(f"target {url.text!r}: {error}; it needs {needs} (`sgdma doctor`)") from error
