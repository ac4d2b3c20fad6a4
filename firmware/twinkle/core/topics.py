"""The hub's topics, built and parsed, and the property bags at their end.

Source: "Communicate with an IoT hub using the MQTT protocol" in the Azure IoT
documentation. A property bag is ``key=value`` pairs joined by ``&``, keys and
values percent-encoded; system properties start with ``$.``.
"""

API_VERSION = "2021-04-12"

METHODS = "$iothub/methods/POST/#"
TWIN_ANSWERS = "$iothub/twin/res/#"
DESIRED = "$iothub/twin/PATCH/properties/desired/#"

# In the order they are subscribed: twin answers must be listened to before a
# twin request is published, or its answer is lost.
SUBSCRIPTIONS = (TWIN_ANSWERS, DESIRED, METHODS)

# Of a device's messages, with their property bag; the slash before it is always there.
TELEMETRY = "devices/%s/messages/events/%s"
DEVICEBOUND = "devices/%s/messages/devicebound/#"
# These end in the id of the request. A method's answer has its status before.
TWIN_GET = "$iothub/twin/GET/?$rid=%s"
TWIN_REPORT = "$iothub/twin/PATCH/properties/reported/?$rid=%s"
METHOD_ANSWER = "$iothub/methods/res/%d/?$rid=%s"

LONGEST_RID = 256  # characters of a request id; the hub's own are a few digits

_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_HEX = "0123456789abcdef"


def quote(text):
    """Percent-encode everything outside letters, digits and ``- _ . ~``."""
    return "".join([chr(b) if b in _SAFE else "%%%02X" % b for b in text.encode()])


def unquote(text):
    """Undo percent-encoding. A ``%`` that is not followed by two hex digits stays as it is."""
    head, *parts = text.split("%")
    if not parts:
        return text
    raw = bytearray(head.encode())
    for part in parts:
        code = part[:2].lower()
        if len(code) == 2 and code[0] in _HEX and code[1] in _HEX:
            raw.append(int(code, 16))
            part = part[2:]
        else:
            raw.extend(b"%")
        raw.extend(part.encode())
    return str(raw, "utf-8")


def parse_bag(text):
    """``%24.ct=application%2Fjson`` to ``{"$.ct": "application/json"}``; without ``=`` (the hub's null): None."""
    bag = {}
    for pair in text.split("&"):
        if pair:
            key, equals, value = pair.partition("=")
            bag[unquote(key)] = unquote(value) if equals else None
    return bag


def classify(topic):
    """Say what an incoming topic is about.

    Answers one of ``("twin", status, rid, version)``, ``("desired", version)``,
    ``("method", name, rid)``, ``("message", properties)`` or ``None`` for a topic that is
    not ours. A ``version`` is None where the hub sent none or not a number, a method's
    ``rid`` where there is none that an answer's topic could carry as it was written.
    """
    start, found, bag = topic.partition("/messages/devicebound/")
    if found and start[:8] == "devices/":
        return "message", parse_bag(bag)
    path, _, query = topic.partition("?")
    bag = parse_bag(query)
    rooms = path.split("/")
    if rooms[0] != "$iothub" or len(rooms) < 4:
        return None
    if rooms[1] == "twin" and rooms[2] == "res" and number(rooms[3]) is not None:
        return "twin", number(rooms[3]), bag.get("$rid"), number(bag.get("$version"))
    if path.startswith("$iothub/twin/PATCH/properties/desired"):
        return "desired", number(bag.get("$version"))
    if rooms[1] == "methods" and rooms[2] == "POST":
        return "method", unquote(rooms[3]), _request_id(query)
    return None


def _request_id(query):
    # As it was written, since the hub looks for just that in the answer.
    for pair in query.split("&"):
        if pair[:5] == "$rid=" and 5 < len(pair) <= 5 + LONGEST_RID:
            if plain(pair) and "+" not in pair and "#" not in pair:
                return pair[5:]
    return None


def plain(text):
    """Whether a text is all printable ASCII without space, so that each character is one byte of a packet."""
    return not text or (min(text) >= "!" and max(text) <= "~")


def number(text):
    """The whole number that up to 18 digits stand for, or None."""
    # isdigit() alone takes superscripts, and int() refuses thousands of digits.
    return int(text) if text and len(text) <= 18 and not text.strip("0123456789") else None
