"""A virtual PCIe slot: QEMU, a small guest, and a function in it that a vfio-user server on this machine plays."""
