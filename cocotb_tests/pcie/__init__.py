"""The PCIe build at TLP level: what only this rung can show, beside the shared suite."""
