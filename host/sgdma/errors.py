"""Every error class of sgdma, in three families a caller can tell apart.

* :class:`UsageError`  -- the caller asked for something impossible (bad rules file, unplannable request);
* :class:`DeviceError` -- the device answered, and the answer is wrong or reports a failure;
* :class:`RigError`    -- the bench around the device is broken (no port, wrong bitstream, link down): never a verdict
  on the device.

A message states the offending value, the limit and the remedy.
"""

from __future__ import annotations


class SgdmaError(Exception):
    """Base of every error that this package raises on purpose."""


class UsageError(SgdmaError):
    """The caller's input can't be carried out; nothing was done."""


class DeviceError(SgdmaError):
    """The device answered, and its answer is wrong or reports a failure."""


class RigError(SgdmaError):
    """The bench around the device is broken; says nothing about the device itself."""


class RulesFileError(UsageError):
    """A rule set says something that the language doesn't know or that no hardware could obey."""


class Unplannable(UsageError):
    """No conforming plan exists for a request under its rule set.

    ``rule`` is the :class:`sgdma.rules.Rule` that forbids it, ``value`` what the request has, ``request`` its index in
    the batch (0 for a single plan).
    """

    def __init__(self, rule: object, value: int, limit: str, remedy: str, request: int = 0) -> None:
        self.rule, self.value, self.remedy, self.request = rule, value, remedy, request
        name = getattr(rule, "name", str(rule)).lower()
        super().__init__(f"request {request} can't be planned: {name}: {value:#x} against {limit}; {remedy}")


class PieceError(UsageError):
    """A list of pieces is malformed: lengths below zero, addresses beyond 64 bits, arrays of unequal length."""
