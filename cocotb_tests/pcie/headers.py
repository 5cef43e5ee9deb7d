"""Headers of the packets that the device sent, as cocotbext-pcie understands them: a witness that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from cocotbext.pcie.core.tlp import Tlp, TlpType

from sgdma.targets.sim.control import TLPS
from sgdma.targets.sim.pcie import SimPcieTarget

__all__ = ["FUNCTION", "sent", "witness"]

FUNCTION = 0x0100
"""Bus 1, device 0, function 0: what the bench calls the device."""


def sent(target: SimPcieTarget, since: int) -> Iterator[tuple[Tlp, bytes, int]]:
    """(packet without payload, its first 20 bytes, its dwords) of every packet after number `since`."""
    control = target.control
    count = int(control["tlp_count"])
    assert count - since <= TLPS, f"{count - since} packets were sent; the bench keeps {TLPS}"
    log = np.asarray(control["tlps"]).reshape(TLPS, 6)
    for number in range(since, count):
        entry = log[number % TLPS]
        raw = entry[:5].astype(">u4").tobytes()
        yield Tlp.unpack_header(raw), raw, int(entry[5])


def witness(tlp: Tlp, raw: bytes, dwords: int) -> None:
    """Raise AssertionError unless the packet is whole and cocotbext-pcie would have made the same header."""
    size = tlp.get_header_size()
    assert bytes(tlp.pack_header()) == raw[:size], f"header {raw[:size].hex()} comes back as {tlp.pack_header().hex()}"
    assert dwords == tlp.get_header_size_dw() + (tlp.length if tlp.has_data() else 0), f"{dwords} dwords: {tlp!r}"
    assert (int(tlp.tc), int(tlp.attr), bool(tlp.td), bool(tlp.ep)) == (0, 0, False, False), repr(tlp)
    if tlp.fmt_type in (TlpType.CPL, TlpType.CPL_DATA):
        assert int(tlp.completer_id) == FUNCTION
        return
    assert int(tlp.requester_id) == FUNCTION
    wide = tlp.fmt_type in (TlpType.MEM_READ_64, TlpType.MEM_WRITE_64)
    assert wide == (tlp.address >= 1 << 32), repr(tlp)
    again: Any = Tlp()
    first = tlp.address + tlp.get_first_be_offset()
    again.set_addr_be(first, tlp.get_be_byte_count())
    mine, theirs = ((one.address, one.length, one.first_be, one.last_be) for one in (tlp, again))
    assert mine == theirs, f"{mine} for what cocotbext-pcie says is {theirs}"
