"""Shared access signatures. Loaded when a token is made.

Source: "Control access with shared access signatures".
"""

import binascii
import hashlib

from .topics import quote

_BLOCK = 64  # bytes, the block size of SHA-256 (RFC 2104)


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
