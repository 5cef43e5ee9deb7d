"""What a function's registers and sysfs say, in words; nothing there stands in the way of a failure's record."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgdma.errors import DeviceGone
from sgdma.pcie.config_space import EXPRESS, ConfigSpace
from sgdma.pcie.evidence import of_config, of_sysfs
from sgdma.spec.pcie import CAPABILITIES


def of_space(space: ConfigSpace) -> dict[str, str]:
    return of_config(lambda offset, size: int.from_bytes(space.read(offset, size), "little"))


def test_a_healthy_function_has_no_errors_and_a_link() -> None:
    told = {"status": "no errors", "device status": "no errors", "link": "2.5 GT/s x1 of 2.5 GT/s x1"}
    assert of_space(ConfigSpace(1)) == told


def test_errors_have_their_names() -> None:
    space = ConfigSpace(1)
    space.master_abort()
    space._put("<H", EXPRESS + 0x0A, 0b1100)
    told = of_space(space)
    assert told["status"] == "received master abort"
    assert told["device status"] == "fatal error, unsupported request"


def test_a_function_that_is_gone_says_so_and_raises_nothing() -> None:
    def refuses(offset: int, size: int) -> int:
        raise DeviceGone("unplugged")

    assert "removed" in of_config(lambda offset, size: (1 << 8 * size) - 1)["configuration space"]
    assert "unplugged" in of_config(refuses)["configuration space"]


def test_a_list_of_capabilities_that_runs_in_a_circle_ends() -> None:
    space = ConfigSpace(1)
    space._put("<B", CAPABILITIES, 0x80)
    space._put("<BB", 0x80, 0x11, 0x80)
    assert of_space(space) == {"status": "no errors"}


@pytest.mark.parametrize("there", [True, False])
def test_sysfs_has_links_and_counted_errors_of_function_and_port(tmp_path: Path, there: bool) -> None:
    port = tmp_path / "0000:00:02.0"
    function = port / "0000:01:00.0"
    for place in (port, function) if there else (port,):
        place.mkdir()
        (place / "vendor").write_text("0x1209\n")
        (place / "current_link_speed").write_text("5.0 GT/s PCIe\n")
        (place / "current_link_width").write_text("4\n")
        (place / "aer_dev_fatal").write_text("Undefined 0\nSDES 0\nTOTAL_ERR_FATAL 0\n")
    (port / "aer_dev_nonfatal").write_text("Undefined 0\nCmpltTO 2\nTOTAL_ERR_NONFATAL 2\n")
    told = of_sysfs(function)
    assert told["port above: link"] == "5.0 GT/s PCIe, x4"
    assert told["port above: aer_dev_nonfatal"] == "CmpltTO 2, TOTAL_ERR_NONFATAL 2"
    assert not any(name.endswith("aer_dev_fatal") for name in told)
    assert told.get("function") == (None if there else "is not there")
