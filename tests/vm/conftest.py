"""One guest for all tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sgdma.errors import GuestFailed, MissingTool
from sgdma.vm.guest import Guest
from sgdma.vm.initramfs import base_archive
from sgdma.vm.obtain import obtain


@pytest.fixture(scope="session")
def machinery() -> None:
    """Skips, with the reason, where no virtual machine is to be had."""
    try:
        base_archive(obtain())
    except (GuestFailed, MissingTool) as error:
        reason = f"no virtual machine here: {error}"
        print(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def guest(machinery: None) -> Iterator[Guest]:
    """A guest with nothing in its slot; who plugs something takes it out."""
    with Guest() as running:
        yield running
