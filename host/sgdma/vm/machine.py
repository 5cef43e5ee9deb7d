"""QEMU's command line: the machine of the virtual slot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgdma.vm.obtain import Machinery

__all__ = ["EDU", "PLUG", "PORT_NAME", "SLOT", "Settings", "command_line", "vfio_user"]

PORT_NAME = "org.sgdma.control"
SLOT = "0000:01:00.0"
"""Address of the slot's function in the guest."""
PLUG = "plug"
"""Id of what is plugged into the slot."""
SLOT_TIMEOUT_MS = 600_000
"""How long QEMU waits for the device: one in a simulator may be slow, and a late answer ends the link for good."""


@dataclass(frozen=True)
class Settings:
    """A guest's size."""

    memory_mib: int = 1024
    hugepages: int = 64
    """Of 2 MiB, reserved at boot."""


EDU = {"driver": "edu", "id": PLUG, "bus": "rp0"}
"""QEMU's teaching device, for tests of what is not about the device."""


def vfio_user(socket: Path) -> dict[str, Any]:
    """The slot's device: a function that the vfio-user server at `socket` plays."""
    return {
        "driver": "vfio-user-pci", "id": PLUG, "bus": "rp0", "x-msg-timeout": SLOT_TIMEOUT_MS,
        "socket": {"type": "unix", "path": str(socket.absolute())},
    }  # fmt: skip


def command_line(
    machinery: Machinery, archive: Path, place: Path, settings: Settings, resumed: bool = False
) -> list[str]:
    """The whole command; `place` gets the console's log and the sockets. The slot itself is filled by hot-plug.

    `resumed`: wait for a saved state instead of booting.
    """
    memory = f"{settings.memory_mib}M"
    kernel = (
        f"console=ttyS0 quiet panic=-1 intel_iommu=on iommu=nopt random.trust_cpu=on mitigations=off nokaslr "
        f"tsc=reliable no_timer_check sgdma.hugepages={settings.hugepages}"
    )
    return [
        *machinery.qemu, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-machine", "q35,kernel-irqchip=off,memory-backend=ram,usb=off,smbus=off,sata=off",
        "-accel", "tcg,tb-size=256", "-cpu", "Nehalem", "-smp", "1", "-m", memory,
        # The device's server maps the guest's memory: it must be shared.
        "-object", f"memory-backend-memfd,id=ram,size={memory},share=on",
        # Before every device that it stands between memory and.
        "-device", "intel-iommu,intremap=on,caching-mode=on",
        "-device", "pcie-root-port,id=rp0,chassis=1,slot=1,bus=pcie.0,addr=2",
        "-device", "virtio-serial-pci,bus=pcie.0,addr=3,iommu_platform=off",
        "-chardev", f"socket,id=control,path={place / 'control'},server=on,wait=off",
        "-device", f"virtserialport,chardev=control,name={PORT_NAME}",
        "-chardev", f"file,id=console,path={place / 'console.log'}", "-serial", "chardev:console",
        "-qmp", f"unix:{place / 'monitor'},server=on,wait=off",
        "-kernel", str(machinery.kernel), "-initrd", str(archive), "-append", kernel,
        *(["-incoming", "defer"] if resumed else []),
    ]  # fmt: skip
