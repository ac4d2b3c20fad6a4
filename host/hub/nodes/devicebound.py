"""``/messages/devicebound``: messages that services send to devices, and what became of them.

IoT Hub developer guide, "Send cloud-to-device messages": a message names its device in ``to``; a rejected
disposition says why it was not queued. ``/messages/serviceBound/feedback`` hands out records in JSON arrays,
which are settled by whoever read them.
"""

import re
from collections.abc import Callable
from typing import Any

from ..amqp import errors
from ..amqp.link import Link, Outcome, Refused
from ..amqp.messages import DATA, Message, properties, read_message, section
from ..amqp.types import Timestamp
from ..core import Hub, HubError, jsontext
from ..core.messages.feedback import Record
from ..core.times import iso

TO = re.compile(r"/?devices/([^/]+)/messages/devicebound/?", re.IGNORECASE)
FEEDBACK_TYPE = "application/vnd.microsoft.iothub.feedback.json"
MAX_RECORDS = 64  # in one message

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
        body = message.data if message.data is not None else _text(message.value)
        expiry = message.properties.get("absolute_expiry_time")
        # uamqp and Node send 0 for a moment that was not said.
        expires = expiry / 1000 if isinstance(expiry, Timestamp) and expiry > 0 else None
        try:
            self._hub.send(to[1], _bytes(body), _bag(message, expires), expires=expires)
        except HubError as error:
            raise Refused(CONDITIONS.get(error.name, errors.INTERNAL_ERROR), str(error)) from None
        self._sent()


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


class FeedbackReader:
    """A link's source of feedback."""

    asks = True

    def __init__(self, link: Link, hub: Hub, wake: Callable[[], None]):
        self._link = link
        self._hub = hub
        self._count = 0
        self._leased: dict[int, list[Record]] = {}
        self._unwatch = hub.feedback.watch(wake)

    def next(self) -> bytes | None:
        """The next records as one message; None when there are none."""
        records = self._hub.feedback.lease(MAX_RECORDS)
        if not records:
            return None
        if self._link.pre_settled:
            self._hub.feedback.settle(records, True)
        else:
            self._leased[self._count] = records
        self._count += 1
        head = properties(
            user_id=self._hub.events.hub_name.encode(),
            content_type=FEEDBACK_TYPE,
            content_encoding="utf-8",
            creation_time=int(self._hub.clock.utc() * 1000),
        )
        return head + section(DATA, jsontext.encode(records))

    def settled(self, number: int, outcome: Outcome | None) -> None:
        """Accepted records are gone, and rejected ones; others come again."""
        taken = outcome is not None and outcome.name in ("accepted", "rejected")
        self._hub.feedback.settle(self._leased.pop(number), taken)

    def left(self) -> None:
        """The link is gone; what it has not settled comes again."""
        self._unwatch()
        for records in self._leased.values():
            self._hub.feedback.settle(records, False)
        self._leased.clear()


class Nothing:
    """A source that stays empty: no file is uploaded to this hub."""

    asks = False

    def next(self) -> bytes | None:
        return None

    def settled(self, number: int, outcome: Outcome | None) -> None:
        """Nothing was sent."""
