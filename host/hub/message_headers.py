"""The headers of a message over HTTPS, and the properties that they are.

azure-iot-sdk-node, device/transport/http: an application property has ``iothub-app-`` before its name,
a system property a name of its own.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from .core import HubError
from .core.times import iso

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


def read_headers(headers: Mapping[str, str]) -> tuple[dict[str, str | None], float | None]:
    """The property bag, and when the message ends (seconds since 1970) if it says so; 400004 for what is no moment."""
    bag: dict[str, str | None] = {}
    expires = None
    for name, value in headers.items():
        known = name.lower()
        if known.startswith("iothub-"):
            _check_text(name, value)
        if known in SYSTEM:
            bag[SYSTEM[known]] = value
        elif known == EXPIRY:
            expires = _moment(value)
            bag["$.exp"] = iso(expires)
        elif known.startswith(APPLICATION):
            bag[name[len(APPLICATION) :]] = value
    return bag, expires


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
