"""DMA memory in the SDRAM or DDR3 of a board, through LiteDRAM.

`memory.py` puts it together; `start.py` wakes the chip, `train.py` finds the delays of its data lines; `host_port.py`
is the way to it of everybody but the core, which has a port of its own.
"""
