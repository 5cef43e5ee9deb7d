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
        self.rule, self.value, self.limit, self.remedy, self.request = rule, value, limit, remedy, request
        name = getattr(rule, "name", str(rule)).lower()
        super().__init__(f"request {request} can't be planned: {name}: {value:#x} against {limit}; {remedy}")


class PieceError(UsageError):
    """A list of pieces is malformed: lengths below zero, addresses beyond 64 bits, arrays of unequal length."""


# Rig: what stands around the device.


class MissingCapability(RigError):
    """The target can't do what was asked; a test that needs it is skipped."""


class OutOfMemory(RigError):
    """The target has no DMA memory left."""


class TargetError(RigError):
    """The link to the device failed."""


class WrongDevice(RigError):
    """What answers is no sgdma core."""


class VersionMismatch(RigError):
    """The device speaks another major version of the interface."""


class MapMismatch(RigError):
    """The device was built with other registers or memory layouts."""


class RulesMismatch(RigError):
    """The device enforces other alignment rules than the host plans by."""


class HashMismatch(RigError):
    """The device is not the one that the rig built: a stale or foreign bitstream."""


class RunDirectoryError(RigError):
    """What a run leaves behind can't be written or read."""


# Usage.


class TargetUrlError(UsageError):
    """A target's URL names an unknown scheme, parameter or value."""


class BuildParameterError(UsageError):
    """No device can be built with these parameters."""


class BoardFileError(UsageError):
    """A board's file can't be loaded, or what it says of the board does not work."""


class PciAddressError(UsageError):
    """What should be the address of a PCI function is none."""


class RequestError(UsageError):
    """A request can't be submitted as asked."""


class ArenaTooSmall(RequestError):
    """A buffer is larger than all DMA memory that the driver has for buffers."""


# Device.


class TransferError(DeviceError):
    """A request completed with a status other than OK.

    ``status`` is the code, ``status_name`` its name, ``segment_index`` the segment at fault (None: no single one),
    ``bytes_moved`` what memory acknowledged before that.
    """

    def __init__(
        self, message: str, status: int, status_name: str, segment_index: int | None, bytes_moved: int
    ) -> None:
        super().__init__(message)
        self.status, self.status_name = status, status_name
        self.segment_index, self.bytes_moved = segment_index, bytes_moved


class TransferTimeout(DeviceError):
    """A request did not complete within the limit of target time; it is still pending."""


class DeviceReset(DeviceError):
    """The request was pending when its device or queue was reset."""


class DuplicateCompletion(DeviceError):
    """A request completed twice."""


class LostCompletion(DeviceError):
    """A completion never came, or its sequence number is missing."""


class UnknownTag(DeviceError):
    """A completion names a tag that was never given out."""


class CommandFailed(DeviceError):
    """A queue pair refused a command, or did not reach the state that it leads to.

    ``result`` is the :class:`sgdma.spec.status.Result`, or None for a state not reached.
    """

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class QueueFailed(DeviceError):
    """A queue pair went to state ERROR; ``reason`` is the :class:`sgdma.spec.status.QueueError`."""

    def __init__(self, message: str, reason: object = None) -> None:
        super().__init__(message)
        self.reason = reason


class MissingSimulator(RigError):
    """No simulator on this machine."""


class SimulatorBuildError(RigError):
    """The simulator did not build."""


class MissingTool(RigError):
    """A program for FPGAs is not on this machine."""


class SynthesisError(RigError):
    """The design did not go through synthesis, placement or routing."""


class StaleBitstream(RigError):
    """What was built before is not what this checkout would build."""


class FirmwareError(RigError):
    """The firmware could not be built, or does not answer."""


class PortBusy(RigError):
    """Another process has the serial port."""


class LinkError(RigError):
    """The serial link can't be opened, has gone, or does not answer."""


class PortGone(LinkError):
    """The serial port itself failed: unplugged, hung up, or closed at its other end."""


class MemoryFailed(RigError):
    """The board's own memory does not give back what is written to it."""


class BoardReset(RigError):
    """The board was reset in mid-session: what was written before is lost, and what was on its way was not done."""


class DeviceGone(RigError):
    """A PCI function no longer answers: removed, its link down, or its server ended."""


class DeviceBusy(RigError):
    """A PCI function is in use: by a driver, by another process, or through another function of its IOMMU group."""


class MappingFailed(RigError):
    """Memory can't be mapped for DMA: a limit, an overlap, or memory of a kind that can't be."""


class GuestFailed(RigError):
    """The virtual machine can't be obtained, does not boot, or ended before the command in it did."""


class SimulatorDied(RigError):
    """The simulator ended before the suite in it did."""


class BusError(DeviceError):
    """The board's bus answered an access by an error. ``address`` is its byte address, ``write`` tells which way."""

    def __init__(self, message: str, address: int, write: bool) -> None:
        super().__init__(message)
        self.address, self.write = address, write


class GuardDamaged(DeviceError):
    """Bytes beside a buffer changed while the device had it."""


class ProtocolViolation(DeviceError):
    """The device broke the rules of its memory bus."""


class StrayCompletion(DeviceError):
    """The device found a slot where a request should start and that is no header; no pending request is concerned.

    ``record`` is the completion.
    """

    def __init__(self, message: str, record: object) -> None:
        super().__init__(message)
        self.record = record
