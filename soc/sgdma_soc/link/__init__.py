"""The reliable serial link: checked, acknowledged frames between a host and the board's bus."""

from sgdma_soc.link.link import ReliableLink

__all__ = ["ReliableLink"]
