"""Many devices in one process that load a server: TLS, MQTT 3.1.1, QoS 1.

    load.py HOST PORT CA_FILE KEY

KEY is every device's shared access key. A line on standard input is a command, answered with lines of JSON:
``connect N`` (until so many are connected), ``pace SECONDS`` (each sends once a second), ``flood SECONDS WINDOW`` (each
sends WINDOW messages, and as many again when all of them are acknowledged). Methods are answered with what came.

It must cost less than what it measures: no client library, no event loop, and TLS in memory, so that one call of the
system brings all that has come for a device.
"""

import json
import select
import socket
import ssl
import struct
import sys
import time

from twinkle_host.hub.mqtt import CONNACK, PUBACK, PUBLISH, SUBACK, publish, remaining_length

from .samples import percentile
from .sas import Credentials
from .work import BODY

NAME = "load-{}"
LARGEST_WINDOW = 100
KEEP_ALIVE_S = 600
CONNECT_S = 10
SETTLE_S = 1.0  # of a flood, before it counts
PAUSE_S = 0.001  # when nobody had anything to do
PATIENCE_S = 60
READ_BYTES = 65536
METHODS, ANSWERS = b"$iothub/methods/POST/", "$iothub/methods/res/200/"


class Device:
    """One connection, made and subscribed to methods; from then on nothing blocks."""

    def __init__(self, credentials, host, port, context):
        self.under_way = 0
        self.sent_at = 0.0
        self.sent, self.waits = (
            0,
            [],
        )  # of the present pace: messages, and seconds until they were acknowledged
        self._buffer = self._unsent = b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._socket = socket.create_connection((host, port), CONNECT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        packets = [publish(credentials.telemetry, BODY, 1, number + 1) for number in range(LARGEST_WINDOW)]
        self._packets, self._size = b"".join(packets), len(packets[0])
        self._greet(credentials)
        self._socket.setblocking(False)

    def fileno(self):
        return self._socket.fileno()

    def _greet(self, who):
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self._some())
        head = _text("MQTT") + bytes((4, 0xC2)) + struct.pack("!H", KEEP_ALIVE_S)
        texts = b"".join(map(_text, (who.device_id, who.username, who.password)))
        self.write(_packet(CONNACK - 1 << 4, head + texts))
        kind, body = self._await()
        if kind != CONNACK or body[1]:
            raise ConnectionError(f"{who.device_id} was not let in: {body!r}")
        self.write(_packet(SUBACK - 1 << 4 | 2, b"\0\1" + _text("$iothub/methods/POST/#") + b"\1"))
        if self._await()[0] != SUBACK:
            raise ConnectionError(f"{who.device_id} was not subscribed")

    def _await(self):
        while True:
            packets = self._packets_of(self._decrypted())
            if packets:
                return packets[0]
            self._incoming.write(self._some())

    def write(self, data):
        """Send, now or when there is room."""
        self._tls.write(data)
        self._flush()

    def _flush(self):
        self._unsent += self._outgoing.read()
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :] if self._unsent else b""
        except BlockingIOError:
            return

    def _some(self):
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the server closed a connection")
        return data

    def _decrypted(self):
        parts = []
        while True:
            try:
                parts.append(self._tls.read(READ_BYTES))
            except ssl.SSLWantReadError:
                return b"".join(parts)

    def receive(self):
        """Take what has come; how many messages were acknowledged."""
        if self._unsent:
            self._flush()
        try:
            self._incoming.write(self._some())
        except BlockingIOError:
            return 0
        acknowledged = 0
        for kind, body in self._packets_of(self._decrypted()):
            if kind == PUBACK:
                acknowledged += 1
            elif kind == PUBLISH:
                size = struct.unpack("!H", body[:2])[0]
                topic = body[2 : 2 + size]
                if topic.startswith(METHODS):
                    self.write(publish(ANSWERS + topic.rpartition(b"/")[2].decode(), body[2 + size :]))
        self.under_way -= acknowledged
        return acknowledged

    def _packets_of(self, data):
        buffer = self._buffer + data
        at, found = 0, []
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size & 0x80:
                if len(buffer) - at < 3:
                    break
                size, start = size & 0x7F | buffer[at + 2] << 7, at + 3
            if len(buffer) < start + size:
                break
            found.append((buffer[at] >> 4, buffer[start : start + size]))
            at = start + size
        self._buffer = buffer[at:]
        return found

    def send(self, count):
        """So many messages, in one piece."""
        self.sent_at = time.monotonic()
        self.under_way += count
        self.write(self._packets[: count * self._size])


class Load:
    """All devices."""

    def __init__(self, host, port, ca_file, key):
        self._host, self._port, self._key = host, int(port), key
        self._context = ssl.create_default_context(cafile=ca_file)
        self._devices = []
        self._poll = select.epoll()
        self._by_file = {}

    def connect(self, count):
        """Until there are ``count``."""
        begun = time.monotonic()
        for number in range(len(self._devices), count):
            text = f"HostName=localhost;DeviceId={NAME.format(number)};SharedAccessKey={self._key}"
            device = Device(Credentials(text), self._host, self._port, self._context)
            self._devices.append(device)
            self._by_file[device.fileno()] = device
            self._poll.register(device, select.EPOLLIN)
        yield {"devices": len(self._devices), "seconds": time.monotonic() - begun}

    def pace(self, seconds):
        """Each device sends once a second, spread over the second. One whose last message is still under way is
        late, and sends nothing."""
        for device in self._devices:
            device.sent, device.waits = 0, []
        late, position, begun = set(), 0, time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            while position < passed * len(self._devices):
                device = self._devices[position % len(self._devices)]
                position += 1
                if device.under_way:
                    late.add(device)
                    continue
                device.sent += 1
                device.send(1)
            self._take_waiting(PAUSE_S)
        self._rest()
        late.update(device for device in self._devices if len(device.waits) < device.sent)
        late.update(device for device in self._devices if max(device.waits, default=1) >= 1)
        waits = [wait for device in self._devices for wait in device.waits]
        yield {
            "inTime": len(self._devices) - len(late),
            "messages": len(waits),
            "p99": percentile(waits, 0.99),
        }

    def _take_waiting(self, patience):
        for number, _ in self._poll.poll(patience):
            device = self._by_file[number]
            if device.receive():
                device.waits.append(time.monotonic() - device.sent_at)

    def flood(self, seconds, window):
        """As much as the server takes, after it has settled."""
        self._turn(time.monotonic() + SETTLE_S, window)
        yield {"settled": True}
        cpu, begun = time.process_time(), time.monotonic()
        messages = self._turn(begun + seconds, window)
        passed = time.monotonic() - begun
        own = (time.process_time() - cpu) / passed
        yield {"perSecond": messages / passed, "messages": messages, "ownShare": own}
        self._rest()
        yield {"rested": True}

    def _turn(self, end, window):
        messages = 0
        while time.monotonic() < end:
            busy = 0
            for device in self._devices:
                if device.under_way:
                    messages += device.receive()
                if not device.under_way:
                    device.send(window)
                    busy += 1
            if not busy:
                time.sleep(PAUSE_S)
        return messages

    def _rest(self):
        end = time.monotonic() + PATIENCE_S
        while any(device.under_way for device in self._devices):
            if time.monotonic() > end:
                raise TimeoutError("messages were not acknowledged")
            self._take_waiting(PAUSE_S)

    def serve(self):
        """Do what standard input says; meanwhile, answer methods."""
        while line := sys.stdin.readline():
            what, *amounts = line.split()
            for told in getattr(self, what)(*map(int, amounts)):
                print(json.dumps(told), flush=True)


def _text(text):
    return struct.pack("!H", len(text)) + text.encode()


def _packet(first, body):
    return bytes((first,)) + remaining_length(len(body)) + body


if __name__ == "__main__":
    Load(*sys.argv[1:]).serve()
