"""MicroPython's ``tls`` as the rp2 port has it: real TLS underneath, without a reader of PEM.

Put in the place of the built-in module by ``mock_gpio/rp2.py``. What differs from the Unix port's, and where it is
written (MicroPython 1.28.0, the newest release without PEM; ``extmod/modtls_mbedtls.c`` unless said):

* ``extmod/mbedtls/mbedtls_config_common.h`` leaves MBEDTLS_PEM_PARSE_C out, and ``ports/rp2/mbedtls`` does not
  bring it back: PEM is ValueError "invalid cert" (``ssl_context_load_cadata``) or "invalid key"
  (``ssl_context_load_key``), which is looked at before the certificate. Debian's mbedTLS reads it.

The same on both, and easily overlooked: of several certificates in DER the first alone is taken, without a
word (``mbedtls_x509_crt_parse_der`` stops at its end); each call adds to those of the calls before; bytes after a key
in DER are "invalid key"; what is loaded is given by position.
"""

import tls
from tls import *  # noqa: F403


class SSLContext:
    """Passes on what DER it is given; attributes are those of the real context."""

    def __init__(self, protocol):
        self._real = tls.SSLContext(protocol)

    @property
    def verify_mode(self):
        """CERT_REQUIRED for a client, unless it is set."""
        return self._real.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._real.verify_mode = mode

    def get_ciphers(self):
        """The names of the cipher suites."""
        return self._real.get_ciphers()

    def set_ciphers(self, names):
        """Use these alone."""
        self._real.set_ciphers(names)

    def load_verify_locations(*arguments):
        """``(self, cadata)``: trust a certificate, given in DER."""
        self, cadata = arguments
        _refuse_pem(cadata, "invalid cert")
        self._real.load_verify_locations(cadata)

    def load_cert_chain(*arguments):
        """``(self, certificate, key)``: show this one, given in DER, after those of the calls before."""
        self, certificate, key = arguments
        _refuse_pem(key, "invalid key")
        _refuse_pem(certificate, "invalid cert")
        self._real.load_cert_chain(certificate, key)

    def wrap_socket(self, sock, **options):
        """The real thing."""
        return self._real.wrap_socket(sock, **options)


def _refuse_pem(content, words):
    mark = "-----BEGIN"
    found = mark in content if isinstance(content, str) else mark.encode() in bytes(content)
    if found:
        raise ValueError(words)
