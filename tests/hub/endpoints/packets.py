"""MQTT packets as a device writes them, whole and by their parts."""

import struct

from twinkle_host.hub import mqtt


def field(text):
    """A text or bytes with their length (MQTT 3.1.1, section 1.5.3)."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("!H", len(data)) + data


def packet(first, body=b""):
    """A packet with this first byte."""
    return bytes((first,)) + mqtt.remaining_length(len(body)) + body
