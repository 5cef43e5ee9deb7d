"""What every serial link can do: words of a board's bus, read and written, and figures of how well it goes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sgdma.closing import Closing

__all__ = ["Link", "Quality"]

U32 = npt.NDArray[np.uint32]


@dataclass
class Quality:
    """Counters since the link was opened."""

    kind: str
    """``reliable`` or ``bone``."""
    baud: int = 0
    """Bits a second now."""
    frames: int = 0
    """Sent, repeated ones included."""
    retransmissions: int = 0
    """Frames sent again because they or their answers were lost, refused or damaged."""
    refused: int = 0
    """Times that the board said it got something damaged or before its turn."""
    checksum_errors: int = 0
    """Answers that came with a wrong checksum."""
    garbage: int = 0
    """Bytes that came and belonged to nothing."""
    resynchronisations: int = 0
    """Times that the link was brought back after silence or lost bytes."""
    turn_around: float = 0.0
    """Seconds from a request to its answer, the shortest seen."""


class Link(Closing):
    """An open link. Addresses are those of bytes on the board's bus, multiples of 4. Closing twice is allowed."""

    @abstractmethod
    def read(self, address: int, count: int) -> U32:
        """`count` words from `address`: u32 (count,). Raises LinkError, BoardReset, BusError."""

    @abstractmethod
    def write(self, address: int, values: npt.ArrayLike) -> None:
        """Words to `address` on. Posted and in order: an error is raised at the latest by the next call or `flush`."""

    @abstractmethod
    def flush(self) -> None:
        """Wait until the board has executed every write; raise what went wrong."""

    @abstractmethod
    def checksum(self, address: int, words: int) -> int:
        """CRC32C of `words` words from `address`, as little-endian bytes."""

    @abstractmethod
    def quality(self) -> Quality:
        """Counters until now."""

    @abstractmethod
    def close(self) -> None:
        """Wait for writes on their way, where they are confirmed, and let the port go."""
