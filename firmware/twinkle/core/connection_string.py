"""The connection string: from what the technician copied to an identity. Needed at the start alone."""

from .errors import SetupError
from .identity import Identity
from .topics import number, plain

REMEDY = "copy the device's own connection string, all of it"
LONGEST_ID = 128  # characters of a device id ("Understand the identity registry")
LONGEST_NAME = 253  # characters of a host name (RFC 1035) …
LONGEST_LABEL = 63  # … and of its parts


def parse(text):
    """An Identity from ``HostName=…;DeviceId=…;SharedAccessKey=…``.

    Or a Registration from ``IdScope=…;RegistrationId=…;SharedAccessKey=…``, with the
    provisioning service's ``HostName`` if it is not the global one. In both,
    ``x509=true`` in the place of the key means a client certificate.

    ``GatewayHostName`` is the name dialled when it differs from the hub's own;
    ``Port`` is ours, for a local hub that does not listen on 8883. A part that
    is missing or unreadable raises SetupError naming that part, never its value.
    """
    parts = {}
    for pair in text.strip().split(";"):
        key, _, value = pair.partition("=")
        parts[key.strip()] = value.strip()
    provisioned = "IdScope" in parts
    needed = ("IdScope", "RegistrationId") if provisioned else ("HostName", "DeviceId")
    certified = parts.get("x509", "").lower() == "true"
    for key in needed if certified else needed + ("SharedAccessKey",):
        if not parts.get(key):
            raise SetupError(
                "the connection string has no " + key,
                REMEDY,
            )
    port = number(parts.get("Port", "8883"))
    if port is None or not 0 < port < 65536:
        raise SetupError("Port in the connection string is not a number from 1 to 65535", "use Port=8883")
    for key in ("HostName", "GatewayHostName"):
        if parts.get(key):
            check_host(parts[key])
    for key in ("DeviceId", "RegistrationId", "IdScope"):
        if parts.get(key):
            check_id(parts[key])
    key, gateway = None if certified else parts["SharedAccessKey"], parts.get("GatewayHostName")
    if provisioned:
        # Most devices know their hub, and have no room for what they do not use.
        try:
            from .provisioning import GLOBAL_DPS, Registration
        except ImportError:
            raise SetupError("this board lacks what has it ask for its hub", "flash it again") from None
        host = parts.get("HostName", GLOBAL_DPS)
        return Registration(host, parts["IdScope"], parts["RegistrationId"], key, gateway, port)
    return Identity(parts["HostName"], parts["DeviceId"], key, gateway, port)


def check_host(name):
    """SetupError for what can be no host name."""
    # The resolvers of the two interpreters fail in ways of their own on other names.
    labels = name.split(".") if isinstance(name, str) and _named(name, LONGEST_NAME) else [""]
    if not all([0 < len(label) <= LONGEST_LABEL for label in labels]):
        raise SetupError("HostName or GatewayHostName is no host name", REMEDY)


def check_id(text):
    """SetupError for what can be no id of a device, registration or scope."""
    if not isinstance(text, str) or not _named(text, LONGEST_ID):
        raise SetupError(
            "a device's id has 1 to %d ASCII characters, and no space or slash" % LONGEST_ID,
            "check DeviceId, or RegistrationId and IdScope",
        )


def _named(text, longest):
    return 0 < len(text) <= longest and plain(text) and "/" not in text
