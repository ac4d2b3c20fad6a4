"""The connection string: from what the technician copied to an identity. Needed at the start alone."""

from .errors import SetupError
from .identity import Identity


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
                "copy the device's own connection string, all of it",
            )
    port = parts.get("Port", "8883")
    if not port.isdigit():
        raise SetupError("Port in the connection string is not a number", "use Port=8883")
    key, gateway = None if certified else parts["SharedAccessKey"], parts.get("GatewayHostName")
    if provisioned:
        # Most devices know their hub, and have no room for what they do not use.
        from .provision import GLOBAL_DPS, Registration

        host = parts.get("HostName", GLOBAL_DPS)
        return Registration(host, parts["IdScope"], parts["RegistrationId"], key, gateway, int(port))
    return Identity(parts["HostName"], parts["DeviceId"], key, gateway, int(port))
