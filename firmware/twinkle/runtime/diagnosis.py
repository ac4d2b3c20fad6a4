"""What it means when a connection fails, in plain words, and what to do about it.

Texts that are rarely needed and long: whoever asks loads this module for that moment.
"""

from ..core.errors import HubError, WireError

# MQTT 3.1.1 section 3.2.2.3, with what IoT Hub means by each.
CONNACK = {
    1: ("the hub does not speak MQTT 3.1.1", "check the host name"),
    2: ("the hub refused the device id", "check DeviceId in the connection string"),
    3: ("the hub is not available", "it will be tried again"),
    4: ("the hub could not read the credentials", "check the connection string"),
    5: (
        "the hub refused the credentials",
        "check that the device exists and is enabled, its key or certificate, and the clock",
    ),
}


def refusal(code):
    """The HubError for a CONNACK return code."""
    text, remedy = CONNACK.get(code, ("the hub refused the connection", "see the hub's log"))
    return HubError("%s (CONNACK %d)" % (text, code), remedy, code)


def line(text, host, greeted):
    """The WireError for the text of a TLS or socket error.

    ``host`` is who was dialled; ``greeted``: the handshake was over.
    """
    low = text.lower()
    strange = "certificate" in low
    if strange and "match" in low:
        return WireError(
            "the hub's certificate is not for %s" % host,
            "dial a name that the certificate carries, or add this one to it (twinkle hub --host-name)",
        )
    if "expire" in low or "not yet valid" in low or "validity" in low:
        return WireError(
            "the hub's certificate is not valid at this device's time",
            "set the clock, or renew the hub's certificate",
        )
    if strange:
        return WireError(
            "the hub's certificate is not signed by a certificate authority this device trusts",
            "give the device the hub's own CA file (--ca-file), and check that this is the hub",
        )
    if not greeted:
        return WireError("TLS with %s failed (%s)" % (host, text), "is this the hub's MQTT port?")
    return WireError("the connection broke (%s)" % text, "it will be tried again")
