"""A STAND-IN for the newer releases of umqtt.simple, which no package index here carries.

It is release 1.3.4 with the outside of the newer ones: ``ssl`` takes a TLS context,
connect() takes a time limit that it sets on the socket, and wait_msg() answers the
packet type of a PUBLISH. Installed as umqtt/simple.py by the test that uses it.
"""

SOURCE = """
import sys

sys.modules.pop("umqtt.simple_134", None)
import umqtt.simple_134 as old
from umqtt.simple_134 import MQTTException

socket = old.socket


class MQTTClient(old.MQTTClient):
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None):
        assert ssl is None or hasattr(ssl, "wrap_socket"), "ssl takes a context"
        super().__init__(client_id, server, port, user, password, keepalive)

    def connect(self, clean_session=True, timeout=None):
        # The newer releases take the module's own socket and set the limit on it.
        plain = socket

        class Limited:
            def socket(self):
                sock = plain.socket()
                sock.settimeout(timeout)
                return sock

            getaddrinfo = staticmethod(plain.getaddrinfo)

        old.socket = Limited()
        return super().connect(clean_session)

    def wait_msg(self):
        before = self.heard
        result = super().wait_msg()
        # The newer releases answer the type of a PUBLISH, too.
        return 0x30 if result is None and self.heard != before else result

    heard = 0

    def set_callback(self, function):
        def count(topic, message):
            self.heard += 1
            function(topic, message)

        super().set_callback(count)
"""


def install(folder, original):
    """Lay it out below ``folder``, beside the real 1.3.4 it stands on."""
    package = folder / "umqtt"
    package.mkdir(parents=True)
    (package / "simple_134.py").write_bytes(original.read_bytes())
    (package / "simple.py").write_text(SOURCE)
    return folder
