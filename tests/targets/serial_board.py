"""A board on a pty: UARTBone in front of the model, whose memory is the board's."""

from __future__ import annotations

import os
import threading
import tty
from typing import Any

from sgdma.targets import open_target

BASE, SIZE = 0x1000_0000, 1 << 20


class SerialBoard:
    """Answers on a pty until it is closed; when `silent` it swallows all, as a board without a bitstream does."""

    def __init__(self, rules: str = "unrestricted") -> None:
        self.model: Any = open_target(f"model:?rules={rules}&memory={SIZE}&base={BASE}&queues=2")
        self.memory = self.model.allocate(SIZE - 4096)
        self.host, board = os.openpty()
        tty.setraw(board)
        self.port, self._board, self.silent = os.ttyname(board), board, False
        self.frames = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._board)  # the other end's read fails now, which ends the thread
        self._thread.join(5)
        os.close(self.host)
        self.model.close()

    def _serve(self) -> None:
        try:
            while True:
                command, words = self._take(2)
                address = int.from_bytes(self._take(4), "big") * 4
                if command not in (1, 2):
                    continue
                values = self._take(4 * words) if command == 1 else b""
                self.frames += 1
                for place in range(words):
                    if command == 1:
                        self._write(address + 4 * place, int.from_bytes(values[4 * place : 4 * place + 4], "big"))
                    elif not self.silent:
                        os.write(self.host, self._read(address + 4 * place).to_bytes(4, "big"))
        except OSError:
            return

    def _take(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = os.read(self.host, size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return data

    def _read(self, address: int) -> int:
        if address >= BASE:
            return int.from_bytes(self.memory.array[address - BASE : address - BASE + 4].tobytes(), "little")
        return int(self.model.read32(address))

    def _write(self, address: int, value: int) -> None:
        if address >= BASE:
            self.memory.array[address - BASE : address - BASE + 4] = list(value.to_bytes(4, "little"))
        else:
            self.model.write32(address, value)
