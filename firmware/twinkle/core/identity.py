"""Who this device is to the hub, and how it proves that.

The key is kept in one private attribute and shown by nothing: not ``repr``,
not an error. Source: "Communicate with an IoT hub using the MQTT protocol"
(user name, client id).
"""

import binascii

from .errors import SetupError
from .topics import API_VERSION, quote


class Identity:
    """One device on one hub.

    ``host`` is the hub's name, which is signed; ``dial`` is the name or address
    connected to, which the hub's certificate must carry. ``certified`` is True for
    a device without a key, which shows a client certificate instead. SetupError for
    what can be no key.
    """

    assigned = True  # it knows its hub; a Registration does not yet

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
        if self.certified:
            return ""
        from .signature import sign

        return sign(resource, self._key, expiry, policy)
