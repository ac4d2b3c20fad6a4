"""Who this device is to the hub: its connection string and what is made of it.

The key is kept in one private attribute and shown by nothing: not ``repr``,
not an error. Sources: "Communicate with an IoT hub using the MQTT protocol"
(user name, client id) and "Control access with shared access signatures".
"""

import binascii
import hashlib

from .errors import SetupError
from .hub import API_VERSION, quote

GLOBAL_DPS = "global.azure-devices-provisioning.net"
DPS_API_VERSION = "2019-03-31"

_BLOCK = 64  # bytes, the block size of SHA-256 (RFC 2104)


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
        host = parts.get("HostName", GLOBAL_DPS)
        return Registration(host, parts["IdScope"], parts["RegistrationId"], key, gateway, int(port))
    return Identity(parts["HostName"], parts["DeviceId"], key, gateway, int(port))


class Identity:
    """One device on one hub.

    ``host`` is the hub's name, which is signed; ``dial`` is the name or address
    connected to, which the hub's certificate must carry. ``certified`` is True for
    a device without a key, which shows a client certificate instead.
    """

    def __init__(self, host, device_id, key, gateway=None, port=8883):
        self.host = host
        self.device_id = device_id
        self.dial = gateway or host
        self.port = port
        self.certified = key is None
        try:
            self._key = binascii.a2b_base64(key or "")
        except ValueError:
            self._key = b""
        if not self._key and not self.certified:
            raise SetupError("SharedAccessKey is not base64", "copy the key again, with its closing =")

    def __repr__(self):
        return "<Identity %s on %s>" % (self.device_id, self.host)

    def username(self, model_id=None):
        """The MQTT user name, which also announces the Plug and Play model."""
        name = self.host + "/" + self.device_id + "/?api-version=" + API_VERSION
        return name + "&model-id=" + quote(model_id) if model_id else name

    def password(self, expiry):
        """A shared access signature that is good until ``expiry`` (seconds since 1970, UTC).

        Empty for a device with a certificate.
        """
        return self._sign(self.host + "/devices/" + self.device_id, expiry)

    def _sign(self, resource, expiry, policy=None):
        return "" if self.certified else sign(resource, self._key, expiry, policy)


class Registration(Identity):
    """One device that has yet to learn its hub. ``device_id`` is its registration id.

    Source: "Communicate with DPS using the MQTT protocol"; the user name has no "?".
    """

    def __init__(self, host, scope, registration_id, key, gateway=None, port=8883):
        super().__init__(host, registration_id, key, gateway, port)
        self._scope = scope
        self._text = key
        self._gateway = gateway

    def username(self, model_id=None):
        """The MQTT user name for the provisioning service."""
        return "%s/registrations/%s/api-version=%s" % (self._scope, self.device_id, DPS_API_VERSION)

    def password(self, expiry):
        """A shared access signature for the registration; empty for a device with a certificate."""
        return self._sign("%s/registrations/%s" % (self._scope, self.device_id), expiry, "registration")

    def identity(self, hub, device_id):
        """The Identity on the hub this device was assigned to; what it proves itself with is the same."""
        return Identity(hub, device_id, self._text, self._gateway, self.port)


def sign(resource, key, expiry, policy=None):
    """SAS text: HMAC-SHA256 over the encoded resource, a line feed and the expiry."""
    encoded = quote(resource)
    digest = _hmac(key, (encoded + "\n" + str(expiry)).encode())
    signature = quote(binascii.b2a_base64(digest).decode().strip())
    token = "SharedAccessSignature sr=%s&sig=%s&se=%d" % (encoded, signature, expiry)
    return token + "&skn=" + policy if policy else token


def _hmac(key, message):
    # MicroPython has hashlib but no hmac.
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    key += bytes(_BLOCK - len(key))
    inner = hashlib.sha256(bytes([b ^ 0x36 for b in key]) + message).digest()
    return hashlib.sha256(bytes([b ^ 0x5C for b in key]) + inner).digest()
