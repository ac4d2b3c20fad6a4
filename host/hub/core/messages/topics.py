"""Topics and property bags of the device side, as text.

IoT Hub developer guide, "Communicate with your IoT hub using the MQTT protocol".
A property bag is ``key=value`` pairs joined by ``&``, both sides percent-encoded.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from ..devices.device import place_of

TWIN_RESPONSES = "$iothub/twin/res/#"
DESIRED_CHANGES = "$iothub/twin/PATCH/properties/desired/#"
METHODS = "$iothub/methods/POST/#"

_TWIN_GET = "$iothub/twin/GET/"
_TWIN_PATCH = "$iothub/twin/PATCH/properties/reported/"
_METHOD_RESPONSE = "$iothub/methods/res/"

SHORT = 64  # characters of a property's name or value that is worth remembering
MAX_REQUEST_ID = 512  # characters; azure-iot-device sends UUIDs (36)

_ONE_METHOD = re.compile(r"\$iothub/methods/POST/([^/+#?]+)/#")
_STATUS = re.compile(r"-?[0-9]{1,10}")

# Letters, digits, - _ . ~ as RFC 3986 has them, ! * ' ( ) as JavaScript's
# encodeURIComponent leaves them, $ as the documents themselves write it in
# system property names, and % of the encoding.
_ENCODED = re.compile(r"(?:[A-Za-z0-9\-_.~!*'()$]|%[0-9A-Fa-f]{2})*")


class TopicRefused(ValueError):
    """A PUBLISH the hub does not take; the message says why. The connection is closed for it."""


@dataclass(frozen=True, slots=True)
class TwinGet:
    """Read the twin. ``rid`` is echoed exactly as it was written."""

    rid: str


@dataclass(frozen=True, slots=True)
class TwinPatch:
    """Write reported properties, if they are at ``version`` when one is given."""

    rid: str
    version: int | None


@dataclass(frozen=True, slots=True)
class MethodResponse:
    """A device's answer to a direct method."""

    rid: str
    status: int


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A device-to-cloud message; ``bag`` is still encoded."""

    bag: str


def parse_publish(topic: str, client_id: str) -> Telemetry | TwinGet | TwinPatch | MethodResponse:
    """What a PUBLISH asks for; TopicRefused for everything undocumented. ``client_id``: DEVICE or DEVICE/MODULE."""
    own = f"{place_of(client_id)}/messages/events"
    if topic.startswith(own) and (len(topic) == len(own) or topic[len(own)] == "/"):
        # npm azure-iot-device-mqtt ends the topic of an output, and its bag, with a slash; so do IoT Edge's own topics.
        return Telemetry(topic[len(own) + 1 :].removesuffix("/"))
    if topic.startswith(_TWIN_GET):
        return TwinGet(_query(topic, _TWIN_GET)[0])
    if topic.startswith(_TWIN_PATCH):
        rid, fields = _query(topic, _TWIN_PATCH)
        version = fields.get("$version")
        if version is not None and not (version.isascii() and version.isdigit() and len(version) <= 18):
            raise TopicRefused("$version on a twin write must be a whole number")
        return TwinPatch(rid, None if version is None else int(version))
    if topic.startswith(_METHOD_RESPONSE):
        status, _, _ = topic[len(_METHOD_RESPONSE) :].partition("/")
        if not _STATUS.fullmatch(status):
            raise TopicRefused("the status in a method response topic must be an integer")
        return MethodResponse(_query(topic, f"{_METHOD_RESPONSE}{status}/")[0], int(status))
    raise TopicRefused(_why_unknown(topic, place_of(client_id)))


def _why_unknown(topic: str, place: str) -> str:
    shown = topic[:128]
    if topic.startswith("devices/") and not topic.startswith(f"{place}/"):
        return f"the topic {shown!r} is another device's or module's; this connection may only use {place}/…"
    return (
        f"the topic {shown!r} is none a device may publish to; telemetry goes to "
        f"{place}/messages/events/, the rest under $iothub/twin/ and $iothub/methods/res/"
    )


def _query(topic: str, prefix: str) -> tuple[str, dict[str, str]]:
    rest = topic[len(prefix) :]
    if not rest.startswith("?"):
        raise TopicRefused(f"the topic {topic[:128]!r} lacks '?$rid=…' after {prefix}")
    fields = {}
    for part in rest[1:].split("&"):
        name, _, value = part.partition("=")
        fields[unquote(name)] = value
    rid = fields.get("$rid")
    if not rid or len(rid) > MAX_REQUEST_ID:
        raise TopicRefused(f"a request needs a $rid of 1 to {MAX_REQUEST_ID} characters")
    return rid, fields


def twin_response(rid: str, status: int, version: int | None = None) -> str:
    """The topic of an answer to a twin request."""
    return f"$iothub/twin/res/{status}/?$rid={rid}" + ("" if version is None else f"&$version={version}")


def desired_change(version: int) -> str:
    """The topic of a desired-change notification."""
    return f"$iothub/twin/PATCH/properties/desired/?$version={version}"


def method_request(name: str, rid: str) -> str:
    """The topic of a direct method call. ``*`` between component and command stays as it is."""
    return f"$iothub/methods/POST/{quote(name, safe='*')}/?$rid={rid}"


def method_filter(name: str) -> str:
    """The filter of a device that listens for one method only."""
    return f"$iothub/methods/POST/{name}/#"


def filter_allowed(topic_filter: str, client_id: str) -> bool:
    """Whether a device may subscribe to this. ``#`` stands for the property bag only; no other wildcard.

    A module has inputs, on which only IoT Edge ever sends, in place of messages from services.
    """
    own = "inputs" if "/" in client_id else "messages/devicebound"
    return (
        topic_filter in (TWIN_RESPONSES, DESIRED_CHANGES, METHODS)
        or topic_filter == f"{place_of(client_id)}/{own}/#"
        or _ONE_METHOD.fullmatch(topic_filter) is not None
    )


def parse_bag(bag: str) -> dict[str, str | None]:
    """The decoded pairs of a property bag; a bare key has the value None.

    Refuses unencoded reserved characters: the service drops the connection for
    them (seen with the colons of a bare time stamp). A question mark before the
    bag is part of the first name.
    """
    pairs: dict[str, str | None] = {}
    if bag.startswith("?"):
        bag = "%3F" + bag[1:]
    for part in bag.split("&") if bag else ():
        name, equals, value = part.partition("=")
        if not name:
            raise TopicRefused("the property bag has a pair without a name")
        pairs[_decoded(name)] = _decoded(value) if equals else None
    return pairs


def _decoded(text: str) -> str:
    # Devices say the same few words with every message.
    return _remembered(text) if len(text) <= SHORT else _decode(text)


def _decode(text: str) -> str:
    if not _ENCODED.fullmatch(text):
        raise TopicRefused(
            f"the property bag has an unencoded character near {text[:64]!r}; percent-encode names and "
            "values, everything but letters, digits and - _ . ~"
        )
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise TopicRefused(f"the property bag is not percent-encoded UTF-8 near {text[:64]!r}") from None


_remembered = lru_cache(1024)(_decode)
