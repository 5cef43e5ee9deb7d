"""Third-party bus models as independent witnesses: the same driver, with cocotbext-axi in place of our bench."""
