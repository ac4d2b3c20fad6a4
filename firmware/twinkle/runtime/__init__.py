"""The runtime: the thin layer that performs what the core decides."""
