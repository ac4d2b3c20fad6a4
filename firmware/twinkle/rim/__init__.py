"""The rim: the thin layer that performs what the core decides."""
