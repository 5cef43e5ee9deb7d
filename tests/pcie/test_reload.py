"""Loading a board anew: in the safe order, on a tree of files that answers as sysfs does."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgdma.errors import DeviceBusy, DeviceGone, MissingTool, TargetError
from sgdma.pcie import reload as reloading
from sgdma.pcie.reload import BRIDGE_CONTROL, SECONDARY_BUS_RESET, reload
from sgdma.spec.pcie import DEVICE_ID, VENDOR

from .test_bind import BRIDGE, CARD, Sysfs

HELD = 0x0010
"""What the port's bridge control register has for other purposes."""


class Slot(Sysfs):
    """A machine with a card below a port, which writes down what is done to it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "pcieport")
        self.done: list[str] = []
        self.comes_back = True
        self.native = {}
        bridge = self.add(BRIDGE, (0x8086, 0x1234), 0x0604, "pcieport", 3)
        self.config = bridge / "config"
        self.config.write_bytes(bytes(BRIDGE_CONTROL) + HELD.to_bytes(2, "little") + bytes(200))
        card = self.add(CARD, (VENDOR, DEVICE_ID), 0x1200, None, 4)
        self.card = card.rename(bridge / CARD)
        self._appear()
        self.bind(CARD)

    def _appear(self) -> None:
        (self.root / "bus/pci/devices" / CARD).symlink_to(self.card)

    def _write(self, path: Path, text: str) -> None:
        if path.name == "remove":
            self.done.append("remove")
            path.parent.unlink()
            (self.card / "driver").unlink()
            (self.card / "driver_override").write_text("\n")  # a new device knows nothing of the old one's
        elif path.name == "rescan":
            self.done.append("rescan")
            if self.comes_back and not (self.root / "bus/pci/devices" / CARD).exists():
                self._appear()
        else:
            super()._write(path, text)

    @property
    def control(self) -> int:
        return int.from_bytes(self.config.read_bytes()[BRIDGE_CONTROL:][:2], "little")


@pytest.fixture
def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slot:
    made = Slot(tmp_path)

    class Watch:
        """In place of an event: looks at the port while one waits."""

        def wait(self, seconds: float) -> None:
            if made.control & SECONDARY_BUS_RESET:
                made.done.append("reset")

    monkeypatch.setattr(reloading.threading, "Event", Watch)
    monkeypatch.setattr(reloading, "BACK_SECONDS", 0.05)
    return made


def test_remove_load_reset_rescan_and_the_driver_has_it_again(slot: Slot) -> None:
    after = reload(CARD, lambda: slot.done.append("load"), slot)
    assert slot.done == ["remove", "load", "reset", "rescan"]
    assert after.driver == "vfio-pci"
    assert slot.control == HELD, "the port is as it was"


def test_a_load_that_fails_brings_the_device_back_and_is_told(slot: Slot) -> None:
    def fails() -> None:
        raise MissingTool("no cable")

    with pytest.raises(MissingTool, match="no cable"):
        reload(CARD, fails, slot)
    assert slot.done == ["remove", "reset", "rescan"]
    assert slot.find(CARD).driver == "vfio-pci"


def test_a_device_that_stays_away_is_told_within_the_limit(slot: Slot) -> None:
    slot.comes_back = False
    with pytest.raises(DeviceGone, match="did not come back"):
        reload(CARD, lambda: None, slot)
    assert slot.control == HELD


def test_a_function_in_use_is_left_alone(slot: Slot, tmp_path: Path) -> None:
    slot._nodes = tmp_path / "nodes"
    slot._nodes.mkdir()
    with (slot._nodes / "4").open("w"), pytest.raises(DeviceBusy, match="in use by"):
        reload(CARD, lambda: slot.done.append("load"), slot)
    assert slot.done == []


def test_without_a_port_nothing_is_done(slot: Slot, tmp_path: Path) -> None:
    slot.add("0000:00:05.0", (VENDOR, DEVICE_ID), 0x1200, None, 9)
    with pytest.raises(TargetError, match="no port"):
        reload("00:05.0", lambda: slot.done.append("load"), slot)
    assert slot.done == []
