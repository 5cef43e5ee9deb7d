"""``python -m sgdma``: the `sgdma` command."""

from __future__ import annotations

from sgdma.cli import app

if __name__ == "__main__":
    app(prog_name="sgdma")
