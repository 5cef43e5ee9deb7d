"""The pytest plugin: ``--target URL`` picks the rung, the ``dma`` fixture talks to it."""
