"""Which link a board has, and at which rate: asked for, not guessed."""

from __future__ import annotations

import time

from sgdma.errors import LinkError
from sgdma.link.bone import BoneLink
from sgdma.link.contract import Link
from sgdma.link.port import Port
from sgdma.link.rates import ANSWER_LIMIT, BASE_BAUD, RATES, greet
from sgdma.link.reliable import ReliableLink

__all__ = ["KINDS", "open_link"]

KINDS = ("auto", "reliable", "bone")


def open_link(
    port: str, baud: int | None = None, timeout: float = 1.0, kind: str = "auto", verify: bool = False,
    sentinel: tuple[int, int] | None = None,
) -> Link:  # fmt: skip
    """Open `port` and begin a session with the board behind it.

    `baud`: None finds the fastest rate that board and line hold. `kind`: one of `KINDS`; ``auto`` asks for the reliable
    link first. `sentinel`: byte address and value of a word that never changes, by which a UARTBone is told from
    silence and lost bytes are noticed on it. Raises PortBusy, LinkError.
    """
    opened = Port(port, baud or BASE_BAUD, timeout)
    try:
        return _session(opened, baud, timeout, kind, verify, sentinel)
    except BaseException:
        opened.close()
        raise


def _session(
    port: Port, baud: int | None, timeout: float, kind: str, verify: bool, sentinel: tuple[int, int] | None
) -> Link:  # fmt: skip
    first = baud or BASE_BAUD
    bone = BoneLink(port, timeout, sentinel, verify)
    if kind == "bone":
        return bone
    likely = [first, BASE_BAUD] if port.has_rate else [first]
    link = _greeted(port, likely, ANSWER_LIMIT, baud, timeout)
    if link:
        return link
    if kind == "auto" and sentinel:
        port.set_baud(first)
        port.drain(ANSWER_LIMIT)
        if bone.answers(2 * ANSWER_LIMIT + 0.1):
            return bone
    if kind == "reliable" or (baud is None and port.has_rate):
        link = _searched(port, likely, baud, timeout)
    if link:
        return link
    if kind == "auto":
        port.set_baud(first)
        return bone
    remedy = "check cable, power, and that its gateware has one (link=bone for LiteX's UARTBone)"
    raise LinkError(f"{port.name}: no reliable link answers within {timeout:g} s, at {first} baud or another; {remedy}")


def _searched(port: Port, likely: list[int], baud: int | None, timeout: float) -> Link | None:
    """A board that another session left at a rate of its own, or that is slow to answer."""
    end = time.monotonic() + timeout
    rates = [*likely, *RATES] if port.has_rate else likely
    patience = ANSWER_LIMIT
    while True:
        link = _greeted(port, rates, patience, baud, timeout)
        if link or time.monotonic() > end:
            return link
        patience = min(2 * patience, timeout)


def _greeted(port: Port, rates: list[int], limit: float, baud: int | None, timeout: float) -> Link | None:
    for rate in dict.fromkeys(rates):
        if rate != port.baud:
            port.set_baud(rate)
        port.drain(0.0)
        board = greet(port, limit)
        if board:
            return ReliableLink(port, board, timeout, baud is None, baud or RATES[0])
    return None
