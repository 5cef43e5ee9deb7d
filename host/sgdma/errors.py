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
