"""A device made of bytes: TLS to the hub, and MQTT packets written by hand."""

import socket
import ssl
import struct

from azure.iot.hub.sastoken import SasToken
from packets import field, packet

from twinkle_host.waiting import PATIENCE_S

CONNECT, CONNACK, PUBLISH, PUBACK, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x90
ACCEPTED = b"\x20\x02\x00\x00"


def open_tls(hub, name="localhost"):
    """A TLS socket to the hub."""
    context = ssl.create_default_context(cafile=hub.info["caFile"])
    plain = socket.create_connection(("127.0.0.1", hub.info["mqttPort"]), timeout=PATIENCE_S)
    return context.wrap_socket(plain, server_hostname=name)


def token(hub, device_id, key=None, life=3600, resource=None):
    """A SAS token, by Azure's own signer; ``life`` in seconds."""
    key = key or hub.call("connection_string", device_id).partition("SharedAccessKey=")[2]
    return str(SasToken(resource or f"localhost/devices/{device_id}", key, ttl=life))


def hello(hub, device_id, level=4, keep_alive=0, username=None, password=None):
    """A CONNECT of this device, which may be silent for long: ``keep_alive`` in seconds."""
    body = field("MQTT") + bytes((level, 0xC2)) + struct.pack("!H", keep_alive) + field(device_id)
    body += field(username or f"localhost/{device_id}/?api-version=2021-04-12")
    return packet(CONNECT, body + field(token(hub, device_id) if password is None else password))


def publish(topic, payload=b"{}", qos=1, packet_id=1):
    """A PUBLISH."""
    ident = struct.pack("!H", packet_id) if qos else b""
    return packet(PUBLISH | qos << 1, field(topic) + ident + payload)


def subscribe(topic, qos=0):
    """A SUBSCRIBE to one filter."""
    return packet(0x82, b"\x00\x01" + field(topic) + bytes((qos,)))


class Wire:
    """One connection, seen from the device. ``dial``: what makes its socket."""

    def __init__(self, hub, dial=open_tls):
        self.sock = dial(hub)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def say(self, *packets):
        """Send; a hub that has closed already is no error here."""
        try:
            self.sock.sendall(b"".join(packets))
        except OSError:
            return

    def hear(self):
        """The next packet as ``(first byte, body)``, or None at the end."""
        try:
            head = self.sock.recv(1)
            if not head:
                return None
            size = shift = 0
            while True:
                byte = self._exactly(1)[0]
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 128:
                    return head[0], self._exactly(size)
        except (ConnectionError, ssl.SSLError):
            return None

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            data += self.sock.recv(size - len(data)) or self._gone()
        return data

    def _gone(self):
        raise ConnectionError
