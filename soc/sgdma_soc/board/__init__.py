"""A SoC around the core for boards without PCIe: a serial link to the host, DMA memory of its own, optionally a CPU."""
