"""``uart:PORT``: a board behind a serial port.

Parameters: ``baud`` (115200), ``timeout`` in seconds (1), ``csr_base``, where the SoC has put the registers. Where the
DMA memory lies is read from the board; on a SoC of another make ``memory_base`` and ``memory`` say it.
"""

from __future__ import annotations

from sgdma.errors import TargetUrlError
from sgdma.targets.board import BoardTarget
from sgdma.targets.uartbone import UartBone
from sgdma.targets.url import TargetUrl

__all__ = ["UartTarget"]

OWN = {"baud": 115200, "timeout": 1, "csr_base": 0xF000_0000, "memory_base": 0x4000_0000, "memory": 0}


class UartTarget(BoardTarget):
    """A board, or whatever speaks UARTBone on a port, a pty or a socket."""

    def __init__(self, url: TargetUrl) -> None:
        own = _parameters(url)
        link = UartBone(url.path, own["baud"], own["timeout"])
        memory = (own["memory_base"], own["memory"]) if own["memory"] else None
        try:
            super().__init__(url.text, link, own["csr_base"], memory)
        except BaseException:
            link.close()
            raise


def _parameters(url: TargetUrl) -> dict[str, int]:
    if not url.path:
        raise TargetUrlError(f"target {url.text!r} names no port; for example uart:/dev/ttyUSB0?baud=1000000")
    values = dict(OWN)
    for name, text in url.query.items():
        if name not in OWN:
            raise TargetUrlError(f"target parameter {name!r} is unknown; uart: has {', '.join(OWN)}")
        try:
            values[name] = int(text, 0)
        except ValueError:
            raise TargetUrlError(f"target parameter {name} = {text!r}: must be an integer") from None
        if values[name] < (0 if name.endswith("base") else 1):
            raise TargetUrlError(f"target parameter {name} = {text}: must be more than that")
    return values
