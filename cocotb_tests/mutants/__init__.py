"""Deliberate bugs in the RTL, and the check that the suite notices each one."""
