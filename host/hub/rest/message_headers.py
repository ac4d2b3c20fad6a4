"""The headers of a message over HTTPS, and the properties that they are.

azure-iot-sdk-node, device/transport/http, and azure-iot-sdk-csharp, CustomHeaderConstants: an application
property has ``iothub-app-`` before its name, a system property a name of its own.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ..core import HubError
from ..core.times import iso, us_clock

APPLICATION = "iothub-app-"
EXPIRY = "iothub-expiry"
# Header -> the key in the property bag of the message that the device gets.
SYSTEM = {
    "iothub-messageid": "$.mid",
    "iothub-correlationid": "$.cid",
    "iothub-userid": "$.uid",
    "iothub-contenttype": "$.ct",
    "iothub-contentencoding": "$.ce",
    "iothub-ack": "iothub-ack",
}
# What a message from a device may have beside, or has not.
FROM_DEVICES = {
    **{header: key for header, key in SYSTEM.items() if key.startswith("$.")},
    "iothub-creationtimeutc": "$.ctime",
    "iothub-interface-id": "$.ifid",
    "dt-subject": "$.sub",
}
# What stands in the answer to a device, by azure-iot-cli-extension: constants.py names the headers, the sample in its
# test_iot_device_unit.py has those that are there empty, and test_iothub_c2d_messages_int.py holds the service to them.
ALWAYS = (
    ("iothub-ack", "iothub-ack", "none"),
    ("iothub-correlationid", "$.cid", ""),
    ("iothub-messageid", "$.mid", ""),
    ("iothub-to", "$.to", ""),
    ("iothub-userid", "$.uid", ""),
)
SOMETIMES = (("ContentType", "$.ct"), ("ContentEncoding", "$.ce"))
# Characters of a header's name (RFC 9110, section 5.1) and of its value; what is no such is percent-encoded.
_NAME, _VALUE = "!#$%&'*+-.^_`|~", "".join(map(chr, range(0x20, 0x7F)))


def read_headers(
    headers: Mapping[str, str], system: Mapping[str, str] = SYSTEM
) -> tuple[dict[str, str | None], float | None]:
    """The property bag, and when the message ends (seconds since 1970) if it says so; 400004 for what is no moment."""
    bag: dict[str, str | None] = {}
    expires = None
    for name, value in headers.items():
        known = name.lower()
        if known.startswith("iothub-") or known in system:
            _check_text(name, value)
        if known in system:
            bag[system[known]] = value
        elif known == EXPIRY:
            expires = _moment(value)
            bag["$.exp"] = iso(expires)
        elif known.startswith(APPLICATION):
            bag[name[len(APPLICATION) :]] = value
    return bag, expires


def headers_of(message: Mapping[str, Any], token: str) -> dict[str, str]:
    """The headers of a message for a device, which ``token`` settles; the other way round."""
    properties = message["properties"]
    headers = {
        "ETag": f'"{token}"',
        "iothub-deliverycount": str(message["deliveries"] - 1),
        "iothub-enqueuedtime": us_clock(message.get("enqueued", 0.0)),
        "iothub-expiry": us_clock(message["expires"]) if "$.exp" in properties else "",
        "iothub-sequencenumber": str(message.get("sequence", 0)),
        **{name: quote(properties.get(key) or empty, safe=_VALUE) for name, key, empty in ALWAYS},
        **{name: quote(properties[key] or "", safe=_VALUE) for name, key in SOMETIMES if key in properties},
    }
    own = {"$.exp", *(key for _, key, _ in ALWAYS), *(key for _, key in SOMETIMES)}
    for key, value in properties.items():
        if key not in own:
            headers[APPLICATION + quote(key, safe=_NAME)] = quote(value or "", safe=_VALUE)
    return headers


def body_of(message: Mapping[str, Any]) -> bytes:
    """The bytes of a message for a device."""
    return base64.b64decode(message["body"])


def _check_text(name: str, value: str) -> None:
    # What is no UTF-8 comes as halves of surrogate pairs, which no topic could carry.
    try:
        value.encode()
    except UnicodeEncodeError:
        raise HubError("ArgumentInvalid", f"The header {name} is not UTF-8.") from None


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise HubError(
            "ArgumentInvalid", f"The header {EXPIRY} must be a moment such as 2026-01-31T12:00:00Z."
        ) from None
