"""Stand-in for micropython-lib's ``ssl`` (``python-stdlib/ssl/ssl.py``), which builds with a network freeze.

``boards/RPI_PICO_W/manifest.py`` of the rp2 port requires ``bundle-networking``, and that requires ``ssl``; a build
without it has ``tls`` alone. Its class has the name of the built-in one, and other manners:

* ``load_verify_locations(cafile=None, cadata=None)`` takes the name of a file first: bytes there are opened
* ``load_cert_chain(certfile, keyfile)`` opens what is text, and passes bytes on
* a context verifies nothing until it is told to, which is what a device must do
"""

import tls
from tls import *  # noqa: F403

VERIFY_NONE = 0  # MBEDTLS_SSL_VERIFY_NONE (mbedTLS, include/mbedtls/ssl.h)


class SSLContext:
    """A context of ``tls`` inside."""

    def __init__(self, protocol):
        self._inner = tls.SSLContext(protocol)
        self.verify_mode = VERIFY_NONE

    @property
    def verify_mode(self):
        """VERIFY_NONE unless it is set."""
        return self._inner.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._inner.verify_mode = mode

    def load_verify_locations(self, cafile=None, cadata=None):
        """Trust what the file ``cafile`` holds, or else ``cadata``."""
        self._inner.load_verify_locations(_content(cafile) if cafile else cadata)

    def load_cert_chain(self, certfile, keyfile):
        """Show a certificate; text is the name of a file."""
        opened = [_content(given) if isinstance(given, str) else given for given in (certfile, keyfile)]
        self._inner.load_cert_chain(*opened)

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        """As of ``tls``; options may be given by position here."""
        return self._inner.wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            server_hostname=server_hostname,
        )


def _content(path):
    with open(path, "rb") as file:
        return file.read()
