"""Twins and digital twins: what they may hold, and what a write makes of them."""
