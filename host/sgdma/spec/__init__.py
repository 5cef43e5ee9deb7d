"""What host and hardware agree on, declared once: memory layouts, status codes, registers.

The SystemVerilog package, the C header and the reference pages are generated from these declarations (``emit``).
"""
