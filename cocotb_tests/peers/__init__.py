"""Other cores, from their own packages, in benches of ours: what the core is compared with."""
