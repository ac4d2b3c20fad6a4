"""Putting the device's files on boards: a Pico W over its serial line, a Raspberry Pi over ssh or onto its card."""
