"""The core as a PCIe function: bridge between its AXI4 port and TLPs, and the SoC around both."""
