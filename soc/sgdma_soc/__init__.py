"""LiteX side of sgdma: the core and its fixture as LiteX modules, and what is built around them."""
