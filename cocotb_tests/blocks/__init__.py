"""A cocotb bench for every RTL module with an interface of its own; ``test_blocks.py`` builds and runs them."""
