"""What TLS is given: the authorities to trust, and the device's own certificate and key.

Files hold PEM or DER. The mbedTLS of MicroPython's rp2 port reads DER alone, and one certificate
of it at a time (``extmod/mbedtls/mbedtls_config_common.h`` up to release 1.28.0), so PEM
(RFC 7468) becomes DER here. No more of a file is held than one certificate.
"""

from binascii import a2b_base64

from .. import compat
from ..core.errors import SetupError

LARGEST = (
    8192  # bytes of a certificate or a key as they are in the file; those in use have one to three thousand
)
LINE = 256  # bytes read at once where lines may be longer


def load(directory, certified):
    """A TLS client that trusts the authorities of ``ca.pem`` and nobody else, and checks the host name.

    ``certified``: it shows ``device.pem``, with those that issued it, and has ``device.key``.
    SetupError names the file, and the one in it that cannot be used.
    """
    context = compat.tls_context()
    _each(directory, "ca.pem", "certificate", context.load_verify_locations)
    if certified:
        keys = []
        _each(directory, "device.key", "key", keys.append)
        # A call for each adds it to the chain, and takes the same key again.
        _each(directory, "device.pem", "certificate", lambda der: context.load_cert_chain(der, keys[0]))
    return context


def _each(directory, name, kind, use):
    try:
        file = open(directory + "/" + name, "rb")  # noqa: SIM115 (closed below)
    except OSError:
        raise SetupError(name + " is missing", "prepare the device again") from None
    number = 1
    try:
        with file:
            for der in _items(file, b"PRIVATE KEY-----" if kind == "key" else b"BEGIN CERTIFICATE-----"):
                use(der)
                number += 1
        if number == 1:
            raise ValueError("there is none")
    except compat.SOCKET_ERRORS + (MemoryError,) as error:
        text = "%s %d of %s cannot be used (%s)" % (kind, number, name, error)
        raise SetupError(text, "it must hold PEM or DER, and few") from None


def _items(file, label):
    head = file.read(4)
    # DER of a certificate is longer than 127 bytes, that of a key begins with its version.
    if len(head) == 4 and head[0] == 48 and (head[1] > 127 or head[2] == 2):
        while len(head) == 4:
            size, more = head[1], head[1] & 127  # X.690, 8.1.3: a length, or how many bytes it takes
            if size > 127:
                size = int.from_bytes(head[2 : 2 + more], "big") + more
            if not 2 < size < LARGEST:
                raise ValueError("it is damaged")
            yield head + file.read(size - 2)
            head = file.read(4)
        return
    file.seek(0)
    text = None
    while True:
        line = file.readline(LINE)
        if not line:
            break
        if b"ENCRYPTED" in line:
            raise ValueError("it has a password")
        if b"-----BEGIN " in line:
            text = bytearray() if label in line else None
        elif text is None:
            continue
        elif b"-----END " in line:
            yield a2b_base64(text)
            text = None
        elif len(text) > LARGEST:
            break
        else:
            text.extend(line)
    if text is not None:
        raise ValueError("it is damaged")
