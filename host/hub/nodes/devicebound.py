"""``/messages/devicebound``: messages that services send to devices.

IoT Hub developer guide, "Send cloud-to-device messages": a message names its device in ``to``; a rejected
disposition says why it was not queued.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from ..amqp import errors
from ..amqp.link import Refused
from ..amqp.messages import Message, read_message
from ..amqp.types import Timestamp
from ..core import Hub, HubError
from ..core.times import iso

TO = re.compile(r"/?devices/([^/]+)/messages/devicebound/?", re.IGNORECASE)

# AMQP's name -> the key in the property bag of the message that the device gets.
BAG = {
    "message_id": "$.mid",
    "correlation_id": "$.cid",
    "user_id": "$.uid",
    "content_type": "$.ct",
    "content_encoding": "$.ce",
}
CONDITIONS = {
    "DeviceNotFound": errors.NOT_FOUND,
    "DeviceMaximumQueueDepthExceeded": errors.RESOURCE_LIMIT_EXCEEDED,
    "ThrottlingException": errors.RESOURCE_LIMIT_EXCEEDED,
    "MessageTooLarge": errors.MESSAGE_SIZE_EXCEEDED,
    "ArgumentInvalid": errors.NOT_ALLOWED,
}


class DeviceBound:
    """The sink of messages to devices. ``sent()`` is called when one was queued."""

    def __init__(self, hub: Hub, sent: Callable[[], None]):
        self._hub = hub
        self._sent = sent

    def take(self, payload: bytes) -> None:
        """Queue a message for its device; Refused when the hub would not have it."""
        message = read_message(payload)
        to = TO.fullmatch(str(message.properties.get("to") or ""))
        if to is None:
            raise Refused(
                errors.NOT_FOUND, "A message names its device: to=/devices/ID/messages/devicebound."
            )
        body = message.data if message.data is not None else message.value
        if body is not None and not isinstance(body, bytes | str):
            raise Refused(
                errors.NOT_ALLOWED, "A device gets bytes: send data, or a text or a binary as the value."
            )
        expiry = message.properties.get("absolute_expiry_time")
        # uamqp and Node send 0 for a moment that was not said.
        expires = expiry / 1000 if isinstance(expiry, Timestamp) and expiry > 0 else None
        try:
            self._hub.send(self._device(to[1]), _bytes(body or b""), _bag(message, expires), expires=expires)
        except HubError as error:
            raise Refused(CONDITIONS.get(error.name, errors.INTERNAL_ERROR), str(error)) from None
        self._sent()

    def _device(self, name: str) -> str:
        # Node's and .NET's service clients encode the id (encodeURIComponent), azure-iot-hub writes it as it is.
        return name if name in self._hub.devices else unquote(name)


def _bag(message: Message, expires: float | None) -> dict[str, str | None]:
    bag: dict[str, str | None] = {}
    for name, key in BAG.items():
        if (value := message.properties.get(name)) is not None:
            bag[key] = _text(value)
    if expires is not None:
        bag["$.exp"] = iso(expires)
    bag |= {str(name): None if value is None else _text(value) for name, value in message.application.items()}
    return bag


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body
