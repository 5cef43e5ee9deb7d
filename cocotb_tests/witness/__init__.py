"""Third-party bus models as independent witnesses: the same driver and suite, with cocotbext-axi in place of our own bench."""
