"""Runs of the suite: the pytest plugin, what a run leaves behind, and the report made of it."""
