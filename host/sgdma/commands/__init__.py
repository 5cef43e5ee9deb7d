"""The `sgdma` command, one module a subcommand; `sgdma.cli` only registers them."""
