"""A proxy that leads what dials port 443 of the hub to the port where its HTTPS is.

azure-iot-device dials 443 and no other, which not everybody may listen on; it does know HTTP proxies.
"""

import contextlib
import socket
import threading

from twinkle_host.waiting import PATIENCE_S


class HttpsDoor:
    """``port`` is the proxy's own, on loopback."""

    def __init__(self, host, port):
        self._there = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # it is closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(near,), daemon=True).start()

    def _lead(self, near):
        asked = b""
        while b"\r\n\r\n" not in asked:
            if not (more := near.recv(4096)):
                return  # it has thought better of it
            asked += more
        assert asked.startswith(b"CONNECT ") and b":443 " in asked, asked
        far = socket.create_connection(self._there, PATIENCE_S)
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for start, end in ((near, far), (far, near)):
            threading.Thread(target=_carry, args=(start, end), daemon=True).start()


def _carry(start, end):
    with contextlib.suppress(OSError):  # one of them is gone, and so is the other
        while data := start.recv(65536):
            end.sendall(data)
    for one in (start, end):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
