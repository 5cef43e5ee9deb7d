"""What holds for all tests of the host's own parts."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test without a tier of its own is a fast one: `-m fast` finds it."""
    for item in items:
        if not any(map(item.get_closest_marker, ("sim", "deep"))):
            item.add_marker("fast")
