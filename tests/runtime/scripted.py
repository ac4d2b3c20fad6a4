"""A TLS server on loopback that says exactly what a test tells it to, byte for byte.

The hub of this project is too well-behaved for some of what a device must survive.
"""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from twinkle_host.waiting import PATIENCE_S

REPORT = "$iothub/twin/PATCH/properties/reported/"  # how the topic of one begins


class Authority:
    """A certificate authority of the test's own. ``pem`` is what a device trusts."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Scripted test CA")])
        certificate = self._build(self._name, self._key.public_key(), (), 0, 1, ca=True)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, folder, *names, begins=-1, ends=1):
        """A certificate for ``names``, good from ``begins`` to ``ends`` days from now; the file with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        certificate = self._build(subject, key.public_key(), names, begins, ends)
        file = folder / f"{names[0]}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _build(self, subject, public_key, names, begins, ends, ca=False):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=begins, hours=-1))
            .not_valid_after(now + datetime.timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(n) for n in names]), False
            )
        return builder.sign(self._key, hashes.SHA256())


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Peer:
    """One accepted connection, seen from a script: expect packets, say bytes."""

    def __init__(self, sock):
        self.sock = sock

    def exactly(self, size):
        """``size`` bytes, or EOFError."""
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def packet(self):
        """One whole packet: ``(first byte, body)``."""
        first = self.exactly(1)[0]
        size = shift = 0
        while True:
            byte = self.exactly(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, self.exactly(size)

    def expect(self, kind):
        """Packets until one of this kind (the upper four bits); its body."""
        while True:
            first, body = self.packet()
            if first >> 4 == kind:
                return body

    def say(self, data):
        """Send bytes."""
        self.sock.sendall(data)

    def welcome(self):
        """Accept the connection and the three subscriptions."""
        self.expect(1)
        self.say(b"\x20\x02\x00\x00")
        for _ in range(3):
            body = self.expect(8)
            self.say(b"\x90\x03" + body[:2] + b"\x01")

    def overhear(self, heard):
        """Put every PUBLISH into the queue ``heard``, until the device leaves; reports are answered."""
        while True:
            body = self.expect(3)
            self._answer_report(parse(body)[0])
            heard.put(body)

    def _answer_report(self, topic):
        if topic.startswith(REPORT):
            self.publish("$iothub/twin/res/204/?$rid=" + topic.split("$rid=")[1] + "&$version=2", b"")

    def publish(self, topic, payload):
        """A whole PUBLISH at QoS 0."""
        self.say(publish(topic, payload))

    def settle(self):
        """Take what a device that is ready says at once: its report, and telemetry; both are acknowledged."""
        awaited = {REPORT, "devices/"}
        while awaited:
            first, body = self.packet()
            if first >> 4 == 3:
                topic, rest = parse(body)
                awaited -= {start for start in awaited if topic.startswith(start)}
                self._answer_report(topic)
                if first & 0x06:
                    self.say(b"\x40\x02" + rest[:2])

    def answer_twin(self, twin=b'{"desired":{"$version":1},"reported":{"$version":1}}'):
        """Wait for the GET and answer it."""
        while True:
            topic, _ = parse(self.expect(3))
            if topic.startswith("$iothub/twin/GET"):
                self.publish("$iothub/twin/res/200/?$rid=" + topic.split("$rid=")[1], twin)
                return


def publish(topic, payload):
    """The bytes of a PUBLISH at QoS 0."""
    body = struct.pack("!H", len(topic)) + topic.encode() + payload
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return b"\x30" + length + body


def parse(body):
    """``(topic, payload)`` of a PUBLISH body at QoS 0."""
    size = struct.unpack("!H", body[:2])[0]
    return body[2 : 2 + size].decode(), body[2 + size :]


class ScriptedServer:
    """Serves one script after the other, one connection each; the last one is repeated."""

    def __init__(self, certificate, scripts, newest=None):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        if newest:
            self._context.maximum_version = newest
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.served = 0
        self.failures = []
        self._stopping = threading.Event()
        self._current = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # which wakes who waits there
        if self._current:
            # The other end sees the close; the script here ends with an error.
            with contextlib.suppress(OSError):
                self._current.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._listener.close()

    def _serve(self):
        while not self._stopping.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:  # it was shut
                return
            plain.settimeout(PATIENCE_S)
            script = self._scripts[min(self.served, len(self._scripts) - 1)]
            try:
                with self._context.wrap_socket(plain, server_side=True) as sock:
                    self._current = sock
                    script(Peer(sock))
            except (OSError, EOFError) as error:
                self.failures.append(error)
            finally:
                plain.close()
                self.served += 1


def hear(heard, part):
    """The next PUBLISH in the queue that holds ``part``."""
    while True:
        body = heard.get(timeout=PATIENCE_S)
        if part in body:
            return body


def stay(peer):
    """Keep the connection until the device leaves, answering what it asks."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            first, body = peer.packet()
            if first >> 4 == 12:
                peer.say(b"\xd0\x00")
            elif first >> 4 == 3 and first & 6:
                size = struct.unpack("!H", body[:2])[0]
                peer.say(b"\x40\x02" + body[2 + size : 4 + size])
