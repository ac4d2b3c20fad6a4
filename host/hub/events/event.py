"""An event as the AMQP message that readers get (Event Hubs' form of it).

IoT Hub developer guide, "Read device-to-cloud messages from the built-in endpoint" and "Create and read
IoT Hub messages": what a device named stands in properties and application properties, what the hub adds
in message annotations. Of one device most of it is the same each time, and is encoded once.
"""

import struct
from datetime import UTC, datetime
from typing import Any

from ..amqp.encoding import compound, encode
from ..amqp.messages import ANNOTATIONS, APPLICATION, DATA, properties, section
from ..amqp.types import Symbol

# The hub's name of a system property -> AMQP's (3.2.4). All others are annotations.
PROPERTIES = {
    "message-id": "message_id",
    "correlation-id": "correlation_id",
    "user-id": "user_id",
    "content-type": "content_type",
    "content-encoding": "content_encoding",
    "absolute-expiry-time": "absolute_expiry_time",
}
# These differ with each message, where they are said at all; what is left of a device's is encoded once.
SHORT = 1024  # characters of a device's system properties that are worth remembering
MAX_REMEMBERED = 4096
OWN = frozenset(("message-id", "correlation-id", "absolute-expiry-time"))

_LONG, _TIME, _TEXT = b"\x81", b"\x83", b"\xa1"  # constructors (1.6.10, 1.6.17, 1.6.20)
_SEQUENCE = encode(Symbol("x-opt-sequence-number")) + _LONG
_OFFSET = encode(Symbol("x-opt-offset")) + _TEXT
_ENQUEUED = encode(Symbol("x-opt-enqueued-time")) + _TIME
_HUB_ENQUEUED = encode(Symbol("iothub-enqueuedtime")) + _TIME
_NUMBERED = 4  # annotations that tell its place
_ANNOTATIONS = b"\x00\x53" + bytes((ANNOTATIONS,))
_DATA = b"\x00\x53" + bytes((DATA,))
_BIG = struct.Struct(">q").pack
_SIZE = struct.Struct(">I").pack
_BYTE = struct.Struct("B").pack
_SIZES = struct.Struct(">BI")  # of the annotations that an event has with others: how many, and their bytes


def event_of(system: dict[str, Any], application: dict[str, Any], body: bytes) -> bytes:
    """An event as it is kept: its message, but for what only its place in the log tells (see ``message_of``)."""
    if OWN.isdisjoint(system):
        count, notes, _, named = _shared(tuple(system.items()))
    else:
        shared = tuple((name, value) for name, value in system.items() if name not in OWN)
        count, notes, pairs, _ = _shared(shared)
        named = _properties({**dict(pairs), **{name: system[name] for name in OWN if name in system}})
    said = section(APPLICATION, application) if application else b""
    size = len(body)
    head = b"\xa0" + _BYTE(size) if size < 256 else b"\xb0" + _SIZE(size)
    return b"".join((_SIZES.pack(count, len(notes)), notes, named, said, _DATA, head, body))


def message_of(event: bytes, sequence: int, offset: int, enqueued: int) -> bytes:
    """The message of an event at this place. ``enqueued``: milliseconds since 1970."""
    count, size = _SIZES.unpack_from(event)
    rest = _SIZES.size + size
    time, place = _BIG(enqueued), b"%d" % offset
    numbers = _SEQUENCE + _BIG(sequence) + _OFFSET + _BYTE(len(place)) + place
    numbers += _ENQUEUED + time + _HUB_ENQUEUED + time
    annotations = compound(0xC1, 2 * (count + _NUMBERED), numbers + event[_SIZES.size : rest])
    return _ANNOTATIONS + annotations + event[rest:]


Shared = tuple[int, bytes, tuple[tuple[str, Any], ...], bytes]

_remembered: dict[tuple[tuple[str, Any], ...], Shared] = {}


def _shared(pairs: tuple[tuple[str, Any], ...]) -> Shared:
    # How many annotations, their bytes, the properties, their section.
    known = _remembered.get(pairs)
    if known is None:
        named = tuple(pair for pair in pairs if pair[0] in PROPERTIES)
        noted = [pair for pair in pairs if pair[0] not in PROPERTIES and pair[0] != "iothub-enqueuedtime"]
        notes = b"".join(encode(Symbol(name)) + encode(value) for name, value in noted)
        known = len(noted), notes, named, _properties(dict(named))
        if sum(len(value) for _, value in pairs) <= SHORT:
            if len(_remembered) >= MAX_REMEMBERED:
                _remembered.clear()
            _remembered[pairs] = known
    return known


def _properties(named: dict[str, Any]) -> bytes:
    if not named:
        return b""  # a device that said nothing has no such section; Azure's own programs look whether it is there
    values: dict[str, Any] = {PROPERTIES[name]: value for name, value in named.items()}
    if "user_id" in values:
        values["user_id"] = values["user_id"].encode()
    if "absolute_expiry_time" in values:
        values["absolute_expiry_time"] = _moment(values["absolute_expiry_time"])
    for name in ("content_type", "content_encoding"):
        if not values.get(name, "").isascii():
            values[name] = None  # a symbol has ASCII only
    return properties(**values)


def _moment(text: str) -> int | None:
    # A device writes what it likes; only a moment can be told as one.
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
