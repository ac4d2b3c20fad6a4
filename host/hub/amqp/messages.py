"""Messages (3.2): sections to bytes, and bytes to what a message says."""

from dataclasses import dataclass, field
from typing import Any

from .decoding import decode
from .encoding import encode
from .errors import DECODE_ERROR, AmqpError, Refused
from .types import Described, Symbol, Timestamp, ULong

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES = 0x70, 0x71, 0x72, 0x73
APPLICATION, DATA, SEQUENCE, VALUE, FOOTER = 0x74, 0x75, 0x76, 0x77, 0x78

# 3.2.4, in their order.
PROPERTY_NAMES = (
    *("message_id", "user_id", "to", "subject", "reply_to", "correlation_id", "content_type"),
    *("content_encoding", "absolute_expiry_time", "creation_time", "group_id", "group_sequence"),
    "reply_to_group_id",
)
_KINDS = {
    "content_type": Symbol,
    "content_encoding": Symbol,
    "absolute_expiry_time": Timestamp,
    "creation_time": Timestamp,
}
_TYPES = {
    HEADER: list,
    DELIVERY_ANNOTATIONS: dict,
    ANNOTATIONS: dict,
    PROPERTIES: list,
    APPLICATION: dict,
    DATA: bytes,
    SEQUENCE: list,
    VALUE: object,
    FOOTER: dict,
}
_NAMES = {
    **{"amqp:header:list": HEADER, "amqp:delivery-annotations:map": DELIVERY_ANNOTATIONS},
    **{"amqp:message-annotations:map": ANNOTATIONS, "amqp:properties:list": PROPERTIES},
    **{"amqp:application-properties:map": APPLICATION, "amqp:data:binary": DATA},
    **{"amqp:amqp-sequence:list": SEQUENCE, "amqp:amqp-value:*": VALUE, "amqp:footer:map": FOOTER},
}


@dataclass
class Message:
    """What a client sent. ``properties`` by the names above; ``data`` is None where there is a ``value``."""

    properties: dict[str, Any] = field(default_factory=dict)
    application: dict[str, Any] = field(default_factory=dict)
    annotations: dict[Any, Any] = field(default_factory=dict)
    data: bytes | None = None
    value: Any = None


def read_message(payload: bytes) -> Message:
    """A message taken apart; Refused (amqp:decode-error) when it is none."""
    message, at = Message(), 0
    try:
        while at < len(payload):
            section_value, at = decode(payload, at)
            _put(message, section_value)
    except AmqpError as error:
        raise Refused(DECODE_ERROR, error.description) from None
    return message


def _put(message: Message, value: Any) -> None:
    descriptor = value.descriptor if isinstance(value, Described) else None
    code = _NAMES.get(descriptor) if isinstance(descriptor, str) else descriptor
    if not isinstance(code, int) or code not in _TYPES or not isinstance(value.value, _TYPES[code]):
        raise Refused(DECODE_ERROR, "3.2: a message has a part that is none of a message's sections")
    if code == PROPERTIES:
        message.properties = dict(zip(PROPERTY_NAMES, value.value, strict=False))
    elif code == APPLICATION:
        message.application = value.value
    elif code == ANNOTATIONS:
        message.annotations = value.value
    elif code == DATA:
        message.data = (message.data or b"") + value.value
    elif code in (VALUE, SEQUENCE):
        message.value = value.value


def section(code: int, value: Any) -> bytes:
    """A section's bytes."""
    return encode(Described(ULong(code), value))


def properties(**values: Any) -> bytes:
    """The properties section, at full length."""
    return section(PROPERTIES, [_typed(name, values.get(name)) for name in PROPERTY_NAMES])


def _typed(name: str, value: Any) -> Any:
    kind = _KINDS.get(name)
    return value if value is None or kind is None else kind(value)
