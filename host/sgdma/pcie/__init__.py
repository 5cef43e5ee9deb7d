"""PCI functions in user space: the kernel's VFIO and vfio-user behind one API (:mod:`sgdma.pcie.function`)."""
