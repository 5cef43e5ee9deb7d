"""The block that simulator and Python share, as C++ sees it."""

from __future__ import annotations

from sgdma.targets.sim.control import TlpFault, Want, c_header


def test_the_header_numbers_wants_and_faults_as_python_does() -> None:
    header = c_header()
    assert all(f"WANT_{want.name} = {want.value}" in header for want in Want)
    names = header.partition("enum Mishap { ")[2].partition(" }")[0].split(", ")
    assert {name: names.index(name) for name in TlpFault.__members__} == dict(TlpFault.__members__)
    assert names[len(TlpFault) :] == ["MISHAPS", "NONE"]
