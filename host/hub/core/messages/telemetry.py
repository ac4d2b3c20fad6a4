"""Telemetry: from a property bag and bytes to a message with system and application properties.

IoT Hub developer guide, "Create and read IoT Hub messages". The size that counts
is the body, the values of system properties, and names and values of application
properties.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .. import jsontext
from .topics import TopicRefused, parse_bag

MAX_MESSAGE = 256 * 1024
SHORT_BAG = 512  # characters of a property bag that is worth remembering

# Property bag key -> name in the Event Hubs view.
SYSTEM_PROPERTIES = {
    "$.ct": "content-type",
    "$.ce": "content-encoding",
    "$.mid": "message-id",
    "$.cid": "correlation-id",
    "$.uid": "user-id",
    "$.ctime": "iothub-creation-time-utc",
    "$.sub": "dt-subject",
    "$.exp": "absolute-expiry-time",
    "$.on": "iothub-outputname",
    "$.ifid": "iothub-interface-id",
}

_MESSAGE_ID = re.compile(r"[A-Za-z0-9\-:.+%_#*?!(),=@;$']{0,128}")


# A property bag as it was meant: system properties, application properties, and the bytes that they count.
Properties = tuple[dict[str, str], dict[str, str | None], int]


@dataclass(slots=True)
class Message:
    """A telemetry message as the device meant it."""

    system: dict[str, str]
    application: dict[str, str | None]
    payload: bytes


class TooLarge(TopicRefused):
    """A message that has more bytes than one may have."""


def read_message(bag: str, payload: bytes, retain: bool = False) -> Message:
    """Check and sort a telemetry PUBLISH; TopicRefused says what is wrong with it."""
    # Most devices send the same bag with each message.
    return _message(_remembered(bag) if len(bag) <= SHORT_BAG else _of_bag(bag), payload, retain)


def message_of(properties: Mapping[str, str | None], payload: bytes) -> Message:
    """The message of these properties, by the keys of a property bag; TopicRefused likewise."""
    return _message(_sorted(properties), payload, False)


def _message(properties: Properties, payload: bytes, retain: bool) -> Message:
    system, application, size = properties
    application = dict(application)
    if retain:
        # The retain flag is not kept but told to whoever reads the message.
        application["mqtt-retain"] = "true"
    size += len(payload)
    if size > MAX_MESSAGE:
        raise TooLarge(
            f"the message is {size} bytes with its properties, more than {MAX_MESSAGE}; send less in one message"
        )
    return Message(dict(system), application, payload)


def _sorted(properties: Mapping[str, str | None]) -> Properties:
    system: dict[str, str] = {}
    application: dict[str, str | None] = {}
    size = 0
    for name, value in properties.items():
        known = SYSTEM_PROPERTIES.get(name)
        if known is None:
            application[name] = value
            size += len(name.encode())
        else:
            system[known] = value or ""
        size += len((value or "").encode())
    if not _MESSAGE_ID.fullmatch(system.get("message-id", "")):
        raise TopicRefused(
            "$.mid must be at most 128 ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '"
        )
    return system, application, size


def _of_bag(bag: str) -> Properties:
    return _sorted(parse_bag(bag))


_remembered = lru_cache(1024)(_of_bag)


def readable_body(payload: bytes) -> tuple[str, Any]:
    """How a body is shown: ``("json", value)``, ``("text", text)`` or ``("base64", text)``."""
    try:
        return "json", jsontext.decode(payload)
    except jsontext.NotJson:
        return _text_body(payload)


def _text_body(payload: bytes) -> tuple[str, Any]:
    try:
        return "text", payload.decode("utf-8")
    except UnicodeDecodeError:
        return "base64", base64.b64encode(payload).decode("ascii")
