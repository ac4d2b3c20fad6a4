"""MQTT 3.1.1 as the hub needs it, without I/O: bytes in, packets out, and back.

Only what IoT Hub speaks: no QoS 2, no retained messages of the server's own.
Section numbers are those of the OASIS standard, MQTT version 3.1.1.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

# A message may have 256 KiB counting its properties, which stand in the topic; the rest is slack.
MAX_PACKET = 256 * 1024 + 72 * 1024
MAX_CONNECT = 16 * 1024  # before it is known who speaks
MAX_FILTERS = 16  # in one SUBSCRIBE; the hub allows five in all

# 2.2.2: the flags each packet must carry; PUBLISH has its own.
FLAGS = {CONNECT: 0, PUBACK: 0, SUBSCRIBE: 2, UNSUBSCRIBE: 2, PINGREQ: 0, DISCONNECT: 0}


class ProtocolError(Exception):
    """The peer broke the protocol; the text names the section. The connection must end."""


@dataclass(frozen=True)
class Connect:
    """3.1. ``level`` 4 is MQTT 3.1.1. The will is ``(topic, payload, qos, retain)``."""

    client_id: str
    level: int
    clean_session: bool
    keep_alive: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    will: tuple[str, bytes, int, bool] | None = None


@dataclass(slots=True)  # frozen, it would take thrice as long to make, and most packets are one
class Publish:
    """3.3. ``packet_id`` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    duplicate: bool = False
    packet_id: int = 0


@dataclass(frozen=True)
class Puback:
    """3.4."""

    packet_id: int


@dataclass(frozen=True)
class Subscribe:
    """3.8. ``filters`` are ``(filter, qos)``."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Unsubscribe:
    """3.10."""

    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True)
class Pingreq:
    """3.12."""


@dataclass(frozen=True)
class Disconnect:
    """3.14."""


Packet = Connect | Publish | Puback | Subscribe | Unsubscribe | Pingreq | Disconnect


class Decoder:
    """Takes bytes as they come and gives whole packets.

    The first packet must be a CONNECT and the only one (3.1). After a ProtocolError
    the decoder is of no further use.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._connected = False

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that ``data`` completes."""
        self._buffer += data
        while (packet := self._next()) is not None:
            yield packet

    def _next(self) -> Packet | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        kind, flags = buffer[0] >> 4, buffer[0] & 0x0F
        self._check(kind, flags)
        header = self._length(1)
        if header is None:
            return None
        size, start = header
        if size > (MAX_PACKET if self._connected else MAX_CONNECT):
            raise ProtocolError(f"a packet of {size} bytes is larger than the hub takes")
        end = start + size
        if len(buffer) < end:
            return None
        body = Body(buffer[start:end])
        self._buffer = buffer[end:]
        packet = PARSERS[kind](body, flags)
        if body.left():
            raise ProtocolError(f"2.2.3: {body.left()} bytes too many in a packet of type {kind}")
        self._connected = True
        return packet

    def _check(self, kind: int, flags: int) -> None:
        if kind not in PARSERS:
            raise ProtocolError(f"2.2.1: a client must not send packets of type {kind}")
        if (kind == CONNECT) == self._connected:
            raise ProtocolError("3.1: CONNECT must be the first packet and the only one of its kind")
        if flags != FLAGS.get(kind, flags):
            raise ProtocolError(f"2.2.2: wrong flags in a packet of type {kind}")

    def _length(self, at: int) -> tuple[int, int] | None:
        # 2.2.3: seven bits a byte, four bytes at most.
        size = 0
        for index in range(4):
            if at + index >= len(self._buffer):
                return None
            byte = self._buffer[at + index]
            size |= (byte & 0x7F) << (7 * index)
            if not byte & 0x80:
                return size, at + index + 1
        raise ProtocolError("2.2.3: the remaining length has more than four bytes")


class Body:
    """Reads the fields of one packet's body in their order."""

    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        at, end = self._at, self._at + size
        if end > len(self._data):
            raise ProtocolError("2.2.3: a packet ends before its fields do")
        self._at = end
        return self._data[at:end]

    def byte(self) -> int:
        return self.take(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.take(2))

    def binary(self) -> bytes:
        return self.take(self.word())

    def text(self) -> str:
        try:
            text = self.binary().decode("utf-8")
        except UnicodeDecodeError:
            raise ProtocolError("1.5.3: a text is not UTF-8") from None
        if "\x00" in text:
            raise ProtocolError("1.5.3: a text holds U+0000")
        return text

    def packet_id(self) -> int:
        number = self.word()
        if number == 0:
            raise ProtocolError("2.3.1: packet identifier 0")
        return number


def _connect(body: Body, flags: int) -> Connect:
    if body.text() != "MQTT":
        raise ProtocolError("3.1.2.1: the protocol is not MQTT")
    level, bits, keep_alive = body.byte(), body.byte(), body.word()
    if level != 4:
        # What follows may have another form; the hub answers CONNACK 1 to it.
        body.take(body.left())
        return Connect("", level, True, keep_alive)
    if bits & 1:
        raise ProtocolError("3.1.2.3: the reserved flag is set")
    client_id = body.text()
    will = None
    if bits & 0x04:
        will = (body.text(), body.binary(), bits >> 3 & 3, bool(bits & 0x20))
    elif bits & 0x38:
        raise ProtocolError("3.1.2.6: will flags without a will")
    username = body.text() if bits & 0x80 else None
    if bits & 0x40 and username is None:
        raise ProtocolError("3.1.2.9: a password without a user name")
    password = body.text() if bits & 0x40 else None
    return Connect(client_id, level, bool(bits & 2), keep_alive, username, password, will)


def _publish(body: Body, flags: int) -> Publish:
    qos = flags >> 1 & 3
    if qos == 3:
        raise ProtocolError("3.3.1.2: QoS 3")
    topic = body.text()
    if not topic or "+" in topic or "#" in topic:
        raise ProtocolError("3.3.2.1: a topic to publish to is empty or holds a wildcard")
    packet_id = body.packet_id() if qos else 0
    return Publish(topic, body.take(body.left()), qos, bool(flags & 1), bool(flags & 8), packet_id)


def _subscribe(body: Body, flags: int) -> Subscribe:
    packet_id, filters = body.packet_id(), []
    while body.left():
        filters.append((body.text(), body.byte()))
        if filters[-1][1] > 2 or len(filters) > MAX_FILTERS:
            raise ProtocolError("3.8.3: a QoS above 2 or too many filters")
    if not filters:
        raise ProtocolError("3.8.3: SUBSCRIBE without a filter")
    return Subscribe(packet_id, tuple(filters))


def _unsubscribe(body: Body, flags: int) -> Unsubscribe:
    packet_id, filters = body.packet_id(), []
    while body.left():
        filters.append(body.text())
    if not filters:
        raise ProtocolError("3.10.3: UNSUBSCRIBE without a filter")
    return Unsubscribe(packet_id, tuple(filters))


PARSERS = {
    CONNECT: _connect,
    PUBLISH: _publish,
    PUBACK: lambda body, flags: Puback(body.packet_id()),
    SUBSCRIBE: _subscribe,
    UNSUBSCRIBE: _unsubscribe,
    PINGREQ: lambda body, flags: Pingreq(),
    DISCONNECT: lambda body, flags: Disconnect(),
}


def connack(code: int, session_present: bool = False) -> bytes:
    """3.2."""
    return bytes((CONNACK << 4, 2, session_present and code == 0, code))


def publish(topic: str, payload: bytes, qos: int = 0, packet_id: int = 0, duplicate: bool = False) -> bytes:
    """3.3."""
    name = topic.encode()
    head = struct.pack("!H", len(name)) + name + (struct.pack("!H", packet_id) if qos else b"")
    first = PUBLISH << 4 | (8 if duplicate else 0) | qos << 1
    return bytes((first,)) + remaining_length(len(head) + len(payload)) + head + payload


def puback(packet_id: int) -> bytes:
    """3.4."""
    return struct.pack("!BBH", PUBACK << 4, 2, packet_id)


def suback(packet_id: int, codes: list[int]) -> bytes:
    """3.9. A code is the granted QoS or 0x80."""
    return struct.pack("!BBH", SUBACK << 4, 2 + len(codes), packet_id) + bytes(codes)


def unsuback(packet_id: int) -> bytes:
    """3.11."""
    return struct.pack("!BBH", UNSUBACK << 4, 2, packet_id)


def pingresp() -> bytes:
    """3.13."""
    return bytes((PINGRESP << 4, 0))


def remaining_length(size: int) -> bytes:
    """2.2.3."""
    encoded = bytearray()
    while True:
        size, low = size >> 7, size & 0x7F
        encoded.append(low | (0x80 if size else 0))
        if not size:
            return bytes(encoded)
