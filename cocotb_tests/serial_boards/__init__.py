"""Boards on a serial line whose gateware runs in Verilator: the reliable link, and LiteX's own UARTBone."""
