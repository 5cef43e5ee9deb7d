"""vfio-user, both ends in one process: a device of a few registers and a copy engine, served to our own client."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sgdma.errors import DeviceBusy, DeviceGone, MappingFailed, MissingCapability, UsageError
from sgdma.pcie import vfio_user
from sgdma.pcie.client import UserFunction
from sgdma.pcie.config_space import DEVICE_CONTROL, FLR, ConfigSpace
from sgdma.pcie.mapping import RANGE, RangeTable, Refused
from sgdma.pcie.served_device import Fault, ServedDevice
from sgdma.pcie.server import serve
from sgdma.spec.pcie import BAR0_BYTES, COMMAND, DEVICE_ID, RECEIVED_MASTER_ABORT, STATUS, VENDOR

PAGE = 4096


class Toy(ServedDevice):
    """Registers are memory; writing to 0x100 copies a byte from bus address [0x104] to [0x108] and fires a vector."""

    vectors = 11

    def __init__(self) -> None:
        self.registers: dict[int, int] = {}
        self.ranges: npt.NDArray[np.void] = np.zeros(0, RANGE)
        self.fired, self.resets, self.refused = 0, 0, 0
        self.fault: Fault | None = None

    def read32(self, address: int) -> int:
        return self.registers.get(address, 0)

    def write32(self, address: int, value: int) -> None:
        self.registers[address] = value
        if address == 0x100:
            source, target = self._at(self.read32(0x104), 1), self._at(self.read32(0x108), 2)
            if source and target:
                ctypes.memmove(target, source, 1)
            else:
                self.refused += 1
                self.fault = Fault(1, self.read32(0x104 if not source else 0x108), bool(source))
            self.fired |= 1 << value

    def _at(self, address: int, kind: int) -> int:
        for start, end, pointer, forbidden in self.ranges.tolist():
            if start <= address < end and not forbidden & kind:
                return int(pointer) + address - int(start)
        return 0

    def run(self, fd: int) -> None:
        if not self.fired:
            select.select([fd], [], [], 1)

    def take_vectors(self) -> int:
        fired, self.fired = self.fired, 0
        return fired

    def take_fault(self) -> Fault | None:
        fault, self.fault = self.fault, None
        return fault

    def reach(self, ranges: npt.NDArray[np.void]) -> None:
        self.ranges = ranges

    def reset(self) -> None:
        self.registers.clear()
        self.fired = 0
        self.resets += 1


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def said() -> list[str]:
    """What the server reports."""
    return []


@pytest.fixture
def path(toy: Toy, tmp_path: Path, said: list[str]) -> Path:
    path, ready = tmp_path / "s", threading.Event()
    server = threading.Thread(target=serve, args=(toy, path, ready.set), kwargs={"report": said.append}, daemon=True)
    server.start()
    assert ready.wait(5)
    return path


@pytest.fixture
def function(path: Path) -> Iterator[UserFunction]:
    with UserFunction(path) as function:
        function.bus_master(True)
        yield function


def copy(function: UserFunction, source: int, target: int, vector: int = 0) -> None:
    bar = function.bar(0)
    bar.write32(0x104, source)
    bar.write32(0x108, target)
    bar.write32(0x100, vector)
    bar.read32(0x100)


def test_configuration_space_says_who_it_is_and_keeps_what_is_fixed(function: UserFunction) -> None:
    assert (function.config_read(0, 2), function.config_read(2, 2)) == (VENDOR, DEVICE_ID)
    function.config_write(0, 2, 0x1234)
    assert function.config_read(0, 2) == VENDOR
    function.config_write(0x10, 4, 0xFFFFFFFF)
    assert -function.config_read(0x10, 4) & 0xFFFFFFFF == BAR0_BYTES
    assert function.alive


def test_capabilities_form_a_list_with_express_and_msix() -> None:
    space, found = ConfigSpace(5), {}
    place = space.read(0x34, 1)[0]
    while place:
        kind, after = space.read(place, 2)
        found[kind], place = place, after
    assert set(found) == {0x10, 0x11}
    assert struct.unpack("<H", space.read(found[0x11] + 2, 2))[0] & 0x7FF == 4  # vectors less one
    assert struct.unpack("<I", space.read(found[0x10] + 4, 4))[0] >> 28 & 1  # FLR


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_function_level_reset_is_noticed_however_it_is_written(size: int) -> None:
    space = ConfigSpace(1)
    data = (FLR | 0x2810).to_bytes(4, "little")
    assert space.write(DEVICE_CONTROL + (size == 1), data[1:2] if size == 1 else data[:size])
    assert not space.read(DEVICE_CONTROL, 2)[1] & 0x80, "reads as zero"
    assert not space.write(DEVICE_CONTROL, b"\x10\x28")


def test_registers_are_words_in_order(function: UserFunction) -> None:
    bar = function.bar(0)
    for index in range(100):
        bar.write32(0x200, index)
    assert bar.read32(0x200) == 99
    bar.write32(0x204, 0xFFFFFFFF)
    assert bar.read_block(0x200, 2).tolist() == [99, 0xFFFFFFFF]
    with pytest.raises(DeviceGone, match="refused"):
        function.region_read(0, 2, 4)
    with pytest.raises(MissingCapability, match="no BAR 3"):
        function.bar(3)


def test_the_device_reaches_what_is_mapped_and_nothing_else(function: UserFunction, toy: Toy) -> None:
    memory = function.allocate(2 * PAGE)
    function.map(memory[:PAGE], 0x10000)
    function.map(memory[PAGE:], 0x8000, write=False)
    memory[5], memory[PAGE + 7] = 0xAB, 0xCD
    copy(function, 0x10005, 0x10FFF)
    assert memory[PAGE - 1] == 0xAB
    assert toy.refused == 0
    copy(function, 0x8007, 0x10000)
    assert memory[0] == 0xCD
    copy(function, 0x10005, 0x8000)
    assert memory[PAGE] == 0, "must only be read"
    assert toy.refused == 1
    copy(function, 0x10005, 0x11000)
    function.unmap(0x10000, PAGE)
    copy(function, 0x8007, 0x10001)
    assert memory[1] == 0
    assert toy.refused == 3


def test_what_the_device_must_not_reach_is_reported_and_shown(function: UserFunction, said: list[str]) -> None:
    """As an IOMMU's driver and the function's own status register do it; not once more than it happened."""
    assert function.evidence()["status"] == "no errors"
    function.map(function.allocate(PAGE), 0)
    for number in range(30):
        copy(function, 0, 0x50000 + number)
    copy(function, 0x7000, 0)
    assert function.evidence()["status"] == "received master abort"
    function.config_write(STATUS, 2, RECEIVED_MASTER_ABORT)
    assert function.evidence()["status"] == "no errors"
    assert said[0] == "fault: device writes to 0x50000, which is not mapped"
    assert len(said) == 20
    function.close()
    for _ in range(1000):  # the server is another thread
        if len(said) > 20:
            break
        threading.Event().wait(0.01)
    assert said[20:] == ["fault: 31 accesses to what is not mapped in all"]


def test_without_bus_mastering_nothing_is_reached(function: UserFunction, toy: Toy) -> None:
    memory = function.allocate(PAGE)
    function.map(memory, 0)
    function.bus_master(False)
    copy(function, 0, 1)
    assert toy.refused == 1
    function.bus_master(True)
    copy(function, 0, 1)
    assert toy.refused == 1


def test_every_vector_has_its_eventfd_and_waits_for_it(function: UserFunction, toy: Toy) -> None:
    copy(function, 0, 0, vector=10)  # nobody listens yet
    fds = function.enable_msix(11)
    for vector in (10, 3):
        if vector != 10:
            copy(function, 0, 0, vector)
        assert select.select([fds[vector]], [], [], 5)[0], vector
        assert int.from_bytes(os.read(fds[vector], 8), "little") == 1
    assert not select.select(fds, [], [], 0.05)[0]
    with pytest.raises(MissingCapability, match="has 11"):
        function.enable_msix(12)


def test_reset_keeps_mappings_and_forgets_registers(function: UserFunction, toy: Toy) -> None:
    memory = function.allocate(PAGE)
    function.map(memory, 0x4000)
    function.bar(0).write32(0x300, 7)
    function.reset()
    assert function.bar(0).read32(0x300) == 0
    assert not function.config_read(COMMAND, 2) & 4
    function.bus_master(True)
    memory[0] = 9
    copy(function, 0x4000, 0x4001)
    assert memory[1] == 9


@pytest.mark.parametrize(("iova", "size"), [(0x10800, PAGE), (0x10000, 2 * PAGE), (0xF000, 2 * PAGE)])
def test_what_can_not_be_mapped_is_refused_and_changes_nothing(function: UserFunction, iova: int, size: int) -> None:
    memory = function.allocate(2 * PAGE)
    function.map(memory[:PAGE], 0x10000)
    with pytest.raises(MappingFailed, match=f"{size} bytes at {iova:#x}"):
        function.map(memory[:size], iova)
    with pytest.raises(MappingFailed, match="no memfd"):
        function.map(np.zeros(PAGE, np.uint8), 0x20000)
    with pytest.raises(MappingFailed, match="not what was mapped"):
        function.unmap(0x10000, 2 * PAGE)
    function.unmap(0x10000, PAGE)


def test_a_client_that_goes_leaves_the_device_reset_and_nothing_reachable(path: Path, toy: Toy) -> None:
    with UserFunction(path) as first:
        first.bus_master(True)
        first.map(first.allocate(PAGE), 0)
        first.bar(0).write32(0x300, 1)
        assert first.bar(0).read32(0x300) == 1
        assert len(toy.ranges) == 1
        with pytest.raises(UsageError, match="a server is there already"):
            serve(toy, path)
    with UserFunction(path) as second:
        assert second.bar(0).read32(0x300) == 0
        assert len(toy.ranges) == 0
        assert not second.config_read(COMMAND, 2) & 4


def test_nobody_there_and_a_server_that_ends_are_rig_errors(tmp_path: Path) -> None:
    with pytest.raises(DeviceGone, match="sgdma serve --pcie"):
        UserFunction(tmp_path / "none")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)

        def answer_once() -> None:
            stream, _ = listener.accept()
            with vfio_user.Connection(stream, "client") as connection:
                connection.reply(connection.receive(), vfio_user.version_payload())

        thread = threading.Thread(target=answer_once)
        thread.start()
        with UserFunction(tmp_path / "s") as function:
            thread.join()
            assert not function.alive
            with pytest.raises(DeviceGone, match="connect anew"):
                function.config_read(0, 2)


def test_a_second_client_is_told_that_the_device_is_busy(
    path: Path, function: UserFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sgdma.pcie.client.GREETING", 0.2)
    with pytest.raises(DeviceBusy, match="another client"):
        UserFunction(path)
    assert function.alive


def mappings_of(name: str) -> int:
    return sum(name in line for line in Path("/proc/self/maps").read_text().splitlines())


def test_ranges_are_sorted_whole_pages_of_the_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(4 * PAGE)
        table, fd = RangeTable(), file.fileno()
        table.add(0x3000, PAGE, fd, PAGE, 3)
        table.add(0x1000, PAGE, fd, 0, 1)
        assert table.ranges["start"].tolist() == [0x1000, 0x3000]
        assert table.ranges["forbidden"].tolist() == [2, 0]
        assert int(table.ranges["pointer"][1]) - int(table.ranges["pointer"][0]) == PAGE, "one mapping a file"
        for wrong in ((0x5000, 0), (0x5001, PAGE), (0x5000, 5 * PAGE), (0x2000, 2 * PAGE)):
            with pytest.raises(Refused):
                table.add(*wrong, fd, 0, 3)
        with pytest.raises(Refused, match="cut"):
            table.remove(0x3000, PAGE // 2)
        table.remove(0, 0x3000)
        assert table.ranges["start"].tolist() == [0x3000]
        assert mappings_of(file.name) == 1
        table.remove(0x3000, PAGE)
        assert mappings_of(file.name) == 0, "a file that nobody reaches is kept"
