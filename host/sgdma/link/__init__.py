"""Words of a board's bus over a serial line: the reliable link of our gateware, and LiteX's UARTBone."""
