"""LiteX's own host side of UARTBone, CommUART, as it is: what the links are compared with."""

from __future__ import annotations

from typing import Any

__all__ = ["CommUart", "Hung"]

BURST = 255
"""Words that one of its reads can ask for: the length is a byte."""


class Hung(Exception):
    """CommUART waits for bytes that never come; it has no time-out, so here its port has one."""


class CommUart:
    """`port`: a device; `baud`: bits a second; `limit`: seconds after which a read counts as hung."""

    def __init__(self, port: str, baud: int, limit: float = 1.0) -> None:
        from litex.tools.remote.comm_uart import CommUART

        self._comm = CommUART(port, baud)
        serial = self._comm.port
        serial.timeout = limit
        plain = serial.read

        def read(size: int = 1) -> bytes:
            data: bytes = plain(size)
            if size and not data:
                raise Hung(f"no byte within {limit:g} s")
            return data

        serial.read = read

    def read(self, address: int, count: int) -> list[int]:
        """`count` words, in as long bursts as it can."""
        words: list[int] = []
        for place in range(0, count, BURST):
            words += self._comm.read(address + 4 * place, min(BURST, count - place))
        return words

    def write(self, address: int, values: Any) -> None:
        """Words; nothing tells whether they have arrived."""
        self._comm.write(address, [int(value) for value in values])

    def close(self) -> None:
        """Let the port go."""
        self._comm.close()
