"""Who this device is to the hub, and how it proves that.

The key is kept in one private attribute and shown by nothing: not ``repr``,
not an error. Sources: "Communicate with an IoT hub using the MQTT protocol"
(user name, client id) and "Control access with shared access signatures".
"""

import binascii
import hashlib

from .errors import SetupError
from .topics import API_VERSION, quote

_BLOCK = 64  # bytes, the block size of SHA-256 (RFC 2104)


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
        return "" if self.certified else sign(resource, self._key, expiry, policy)


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
