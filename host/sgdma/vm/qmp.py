"""QEMU's monitor: one command at a time, over its UNIX socket."""

from __future__ import annotations

import json
import socket
from typing import Any

from sgdma.closing import Closing
from sgdma.errors import GuestFailed

__all__ = ["Monitor"]


class Monitor(Closing):
    """What is behind `port`, a connection to QEMU's monitor. `limit`: seconds that a command may take."""

    def __init__(self, port: socket.socket, limit: float = 60.0) -> None:
        self._socket = port
        self._socket.settimeout(limit)
        self._lines = self._socket.makefile("rb")
        try:
            self._answer()
        except OSError as error:
            raise GuestFailed(f"QEMU's monitor does not answer: {error}") from error
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: Any) -> Any:
        """What QEMU answers to a command. Raises GuestFailed with its own words when it refuses."""
        message = {"execute": name, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            while "event" in (answer := self._answer()):
                pass
        except OSError as error:
            raise GuestFailed(f"QEMU's monitor did not answer {name}: {error}") from error
        if "error" in answer:
            raise GuestFailed(f"QEMU refuses {name}: {answer['error']['desc']}")
        return answer["return"]

    def _answer(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError("it has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._socket.close()
