"""`sim:pcie`: the core behind its PCIe bridge in Verilator, with a root complex at the streams of TLPs.

Registers are reached by memory requests to BAR0, memory is that of `sim:` behind the root complex, interrupts are MSI-X
messages. What the root complex can do to a read, and how often it does, is :class:`TlpFault` and ``mishaps``.
"""

from __future__ import annotations

from sgdma.spec.pcie import MSIX_TABLE, SIM_QUARANTINE, SIM_TIMEOUT
from sgdma.spec.registers import DEVICE
from sgdma.targets.contract import Capability
from sgdma.targets.guard import GuardFaults
from sgdma.targets.sim.control import TlpFault, Want
from sgdma.targets.sim.target import SimFaults, SimTarget

__all__ = ["MESSAGES", "SimPcieTarget"]

MESSAGES = 0xFEE0_0000
"""Where the root complex takes interrupt messages; a vector's number is its data."""
_EV_PENDING = DEVICE.address("ev_pending")


class SimPcieFaults(SimFaults):
    """Read errors and unmapped ranges by the root complex; write errors by the guard, as posted writes have no answer.

    The guard knows the lower 32 bits of an address only.
    """

    def __init__(self, target: SimPcieTarget) -> None:
        super().__init__(target._shared)
        self._guard, self._guarding = GuardFaults(target), False

    def write_error(self, iova: int, size: int) -> None:
        self._guard.write_error(iova, size)
        self._guarding = True

    def unmap(self, iova: int, size: int) -> None:
        super().unmap(iova, size)
        self.write_error(iova, size)

    def clear(self) -> None:
        super().clear()
        self.mishaps(0)
        if self._guarding:
            self._guard.clear()
        self._guarding = False

    def mishaps(self, rate: int, *kinds: TlpFault, late: int = 12_000) -> None:
        """Let `rate` of 65536 read requests meet with a fault, one of `kinds`. `late`: cycles to a late completion."""
        control = self._control
        control["tlp_fault_rate"], control["tlp_late"] = rate, late
        control["tlp_faults"] = sum(1 << kind for kind in kinds)

    def counts(self) -> dict[TlpFault, int]:
        """Faults that were met with so far."""
        return {kind: int(self._control["tlp_fault_count"][kind]) for kind in TlpFault}


class SimPcieTarget(SimTarget):
    """The Verilated PCIe build, from inside its simulator."""

    capabilities = SimTarget.capabilities | Capability.POSTED_WRITES

    def _open_faults(self) -> SimPcieFaults:
        return SimPcieFaults(self)

    def _defaults(self) -> None:
        control, own = self._control, self._own
        for name in ("mps", "mrrs", "rcb", "read_credits", "write_credits"):
            control[name] = own[name]
        control["tlp_split"], control["link_down"] = own["split"], 0
        control["tag_rest"] = SIM_TIMEOUT + SIM_QUARANTINE
        super()._defaults()
        self.faults.clear()
        for vector in range(self.build.queues + 1):
            entry = MSIX_TABLE + 16 * vector
            for offset, value in ((0, MESSAGES), (4, 0), (8, vector), (12, 0)):
                self.write32(entry + offset, value)

    def wait_interrupt(self, vector: int, timeout: int) -> bool:
        limit, control = self.now() + timeout, self._control
        while not self._taken >> vector & 1:
            if self.now() >= limit:
                return False
            control["wake_at"] = limit
            self.until(Want.TIME | Want.VECTOR, lambda: True)
            self._take_messages()
        self._taken &= ~(1 << vector)
        return True

    def _take_messages(self) -> None:
        """Note the vectors that have sent messages, and clear their pending bits as `sim:` does."""
        messages = int(self._control["vectors"])
        self._control["vectors"] = 0
        self._taken |= messages
        if messages:
            self.write32(_EV_PENDING, messages)

    def reset(self) -> None:
        self._control["vectors"] = 0
        super().reset()

    @property
    def faults(self) -> SimPcieFaults:
        faults = self._faults
        assert isinstance(faults, SimPcieFaults)
        return faults
