"""``scheme:rest?name=value&...`` -> an open target. The scheme names a module that is imported only when it is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sgdma.errors import MissingCapability, TargetUrlError
from sgdma.targets.contract import Target

__all__ = ["SCHEMES", "Scheme", "TargetUrl", "open_target", "parse"]


@dataclass(frozen=True)
class Scheme:
    """One rung: where its class is (``module:Class``, constructed from a :class:`TargetUrl`), and what to say of it."""

    where: str
    title: str
    needs: str
    example: str


SCHEMES: dict[str, Scheme] = {
    "model": Scheme("sgdma.targets.model:ModelTarget", "bit-true numpy model of the device", "pip only",
                    "model:?rules=nvme-prp&queues=2&data_width=256"),
    "sim": Scheme("sgdma.targets.sim:open_sim", "the LiteX-built core in Verilator; sim:pcie by TLPs, sim:uart a board",
                  "pip, g++, make, perl",
                  "sim:?rules=peculiar&data_width=64"),
    "uart": Scheme("sgdma.targets.uart:UartTarget", "a board behind a serial port, by our link or LiteX's UARTBone",
                   "pyserial", "uart:/dev/ttyUSB0"),
    "vfio": Scheme("sgdma.targets.vfio:open_vfio", "a PCIe board, or QEMU's virtual slot, through the kernel's VFIO",
                   "Linux with an IOMMU", "vfio:0000:01:00.0"),
    "vfio-user": Scheme("sgdma.targets.vfio:open_vfio_user", "a PCI function served on a UNIX socket by sgdma serve",
                        "Linux", "vfio-user:/tmp/board.sock"),
    "null": Scheme("sgdma.targets.null:NullTarget", "nothing: completes at once, a yardstick for the host", "pip only",
                   "null:?rules=nvme-prp"),
}  # fmt: skip


@dataclass(frozen=True)
class TargetUrl:
    """A URL taken apart: ``text`` as given, ``path`` between scheme and ``?``, ``query`` in the order given."""

    text: str
    scheme: str
    path: str
    query: dict[str, str]


def parse(text: str) -> TargetUrl:
    """Take a URL apart. Raises :class:`TargetUrlError`."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        raise TargetUrlError(f"target {text!r}: unknown scheme {scheme + colon!r}; there are {known}")
    path, _, query = rest.partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise TargetUrlError(f"target {text!r}: {query!r} must be name=value&name=value") from None
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise TargetUrlError(f"target {text!r}: parameter {twice} is given {names.count(twice)} times; give it once")
    return TargetUrl(text, scheme, path, dict(pairs))


def open_target(text: str) -> Target:
    """Open the target. Raises :class:`TargetUrlError` for a wrong URL, a :class:`~sgdma.errors.RigError` for a rig."""
    url = parse(text)
    scheme = SCHEMES[url.scheme]
    module_name, _, class_name = scheme.where.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise MissingCapability(f"target {text!r}: {error}; it needs {scheme.needs} (`sgdma doctor`)") from error
    target: Target = getattr(module, class_name)(url)
    return target
