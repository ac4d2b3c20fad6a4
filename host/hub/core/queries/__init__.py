"""Queries over devices: text, values, expressions, tree, and the run over all devices."""
