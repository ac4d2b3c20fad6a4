"""Giving a device its credentials."""
