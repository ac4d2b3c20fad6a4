"""Telemetry: from a property bag and bytes to a message with system and application properties.

IoT Hub developer guide, "Create and read IoT Hub messages". The size that counts
is the body, the values of system properties, and names and values of application
properties.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import jsontext
from .topics import TopicRefused, parse_bag

MAX_MESSAGE = 256 * 1024

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


@dataclass(frozen=True, slots=True)
class Message:
    """A telemetry message as the device meant it."""

    system: dict[str, str]
    application: dict[str, str | None]
    payload: bytes


class TooLarge(TopicRefused):
    """A message that has more bytes than one may have."""


def read_message(bag: str, payload: bytes, retain: bool = False) -> Message:
    """Check and sort a telemetry PUBLISH; TopicRefused says what is wrong with it."""
    return message_of(parse_bag(bag), payload, retain)


def message_of(properties: Mapping[str, str | None], payload: bytes, retain: bool = False) -> Message:
    """The message of these properties, by the keys of a property bag; TopicRefused likewise."""
    system: dict[str, str] = {}
    application: dict[str, str | None] = {}
    size = len(payload)
    for name, value in properties.items():
        known = SYSTEM_PROPERTIES.get(name)
        if known is None:
            application[name] = value
            size += len(name.encode())
        else:
            system[known] = value or ""
        size += len((value or "").encode())
    if retain:
        # The retain flag is not kept but told to whoever reads the message.
        application["mqtt-retain"] = "true"
    if size > MAX_MESSAGE:
        raise TooLarge(
            f"the message is {size} bytes with its properties, more than {MAX_MESSAGE}; send less in one message"
        )
    if not _MESSAGE_ID.fullmatch(system.get("message-id", "")):
        raise TopicRefused(
            "$.mid must be at most 128 ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '"
        )
    return Message(system, application, payload)


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
