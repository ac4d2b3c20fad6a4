"""An event as the AMQP message that readers get (Event Hubs' form of it).

IoT Hub developer guide, "Read device-to-cloud messages from the built-in endpoint" and "Create and read
IoT Hub messages": what a device named stands in properties and application properties, what the hub adds
in message annotations. Of one device most of it is the same each time, and is encoded once.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ..amqp.encoding import compound, encode
from ..amqp.messages import ANNOTATIONS, APPLICATION, DATA, properties, section
from ..amqp.types import Symbol, Timestamp

# The hub's name of a system property -> AMQP's (3.2.4). All others are annotations.
PROPERTIES = {
    "message-id": "message_id",
    "correlation-id": "correlation_id",
    "user-id": "user_id",
    "content-type": "content_type",
    "content-encoding": "content_encoding",
    "absolute-expiry-time": "absolute_expiry_time",
}
_SEQUENCE = encode(Symbol("x-opt-sequence-number"))
_OFFSET = encode(Symbol("x-opt-offset"))
_ENQUEUED = encode(Symbol("x-opt-enqueued-time"))
_HUB_ENQUEUED = encode(Symbol("iothub-enqueuedtime"))
_ANNOTATIONS = b"\x00\x53" + bytes((ANNOTATIONS,))
_OWN = 4  # annotations that each event has for itself


def message_of(
    system: dict[str, Any],
    application: dict[str, Any],
    body: bytes,
    sequence: int,
    offset: int,
    enqueued: int,
) -> bytes:
    """The message of one event. ``enqueued``: milliseconds since 1970."""
    named = tuple(pair for pair in system.items() if pair[0] in PROPERTIES)
    noted = tuple(
        pair for pair in system.items() if pair[0] not in PROPERTIES and pair[0] != "iothub-enqueuedtime"
    )
    count, notes = _notes(noted)
    time = encode(Timestamp(enqueued))
    own = (
        _SEQUENCE + encode(sequence) + _OFFSET + encode(str(offset)) + _ENQUEUED + time + _HUB_ENQUEUED + time
    )
    message = _ANNOTATIONS + compound(0xC1, 2 * (count + _OWN), own + notes) + _properties(named)
    if application:
        message += section(APPLICATION, application)
    return message + section(DATA, body)


@lru_cache(maxsize=4096)
def _notes(pairs: tuple[tuple[str, Any], ...]) -> tuple[int, bytes]:
    return len(pairs), b"".join(encode(Symbol(name)) + encode(value) for name, value in pairs)


@lru_cache(maxsize=1024)
def _properties(pairs: tuple[tuple[str, Any], ...]) -> bytes:
    values: dict[str, Any] = {PROPERTIES[name]: value for name, value in pairs}
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
