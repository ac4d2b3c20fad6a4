"""The client's side of an AMQP connection, as a test drives it: no socket, a clock of its own.

What it says is encoded, and what it hears decoded, by azure-eventhub's own code, which shares none
with the engine under test.
"""

import struct

from azure.eventhub._pyamqp import _decode, _encode, performatives
from azure.eventhub._pyamqp.endpoints import Source, Target
from azure.eventhub._pyamqp.message import Message, Properties

from twinkle_host.hub.amqp import Connection, Refused
from twinkle_host.hub.amqp.messages import DATA, section

SASL, AMQP = b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x01\x00\x00"
NAMES = {
    **{0x10: "open", 0x11: "begin", 0x12: "attach", 0x13: "flow", 0x14: "transfer", 0x15: "disposition"},
    **{0x16: "detach", 0x17: "end", 0x18: "close", 0x40: "mechanisms", 0x44: "outcome"},
}


class Well:
    """A source of what a test puts into it."""

    def __init__(self):
        self.messages = []
        self.outcomes = []
        self.asks = False

    def next(self):
        return self.messages.pop(0) if self.messages else None

    def settled(self, number, outcome):
        self.outcomes.append((number, outcome and outcome.name))


class Drain:
    """A sink that keeps everything but what it is told to refuse."""

    def __init__(self):
        self.taken = []
        self.refuse = None

    def take(self, payload):
        if self.refuse:
            raise self.refuse
        self.taken.append(payload)


class Nodes:
    """A container with a well and a drain."""

    def __init__(self):
        self.well, self.drain = Well(), Drain()
        self.links = []
        self.left = []
        self.refusals = []

    def attach(self, link):
        if link.address not in ("well", "drain"):
            raise Refused("amqp:not-found", f"no node {link.address}")
        self.links.append(link)
        return self.well if link.sends else self.drain

    def detached(self, link):
        self.left.append(link)
        self.links.remove(link)

    def refused(self, address, error):
        self.refusals.append((address, error.condition))

    def plain(self, name, password):
        return (name, password) == ("ann", "secret")


def frame_of(channel, form, kind=b"\x00", **values):
    """A frame's bytes."""
    fields = {name: values.pop(name, None) for name in form._fields}
    assert not values, values
    head, body = _encode.encode_frame(form(**fields), kind)
    return head + struct.pack(">H", channel) + bytes(body)


class Peer:
    """One client. ``hear()`` gives what the hub said since, as (name, fields, payload)."""

    def __init__(self, nodes=None):
        self.nodes = nodes or Nodes()
        self.now = 1000.0
        self.connection = Connection(self.nodes, "the hub", self.now)
        self._buffer = b""

    # --- bytes

    def say_raw(self, data):
        self.connection.receive(data, self.now)
        self.connection.pump()

    def hear_raw(self):
        return self.connection.take()

    def say(self, channel, form, kind=b"\x00", **values):
        """One frame; fields that are not given are null."""
        self.say_raw(frame_of(channel, form, kind, **values))

    def hear(self):
        heard, data = [], self._buffer + self.hear_raw()
        while data:
            if data[:4] == b"AMQP":
                heard.append(("header", data[:8], b""))
                data = data[8:]
                continue
            size = struct.unpack(">I", data[:4])[0]
            raw, data = data[:size], data[size:]
            if size == 8:
                heard.append(("empty", [], b""))
                continue
            code, fields = _decode.decode_frame(memoryview(raw[8:]))
            payload = bytes(fields[11]) if code == 0x14 else b""
            heard.append((NAMES[code], fields, payload))
        return heard

    def hear_one(self, name):
        heard = self.hear()
        assert [what for what, _, _ in heard] == [name], heard
        return heard[0][1]

    # --- the usual beginnings

    def opened(self, **values):
        """SASL ANONYMOUS and open; answers itself."""
        self.say_raw(SASL)
        self.say(0, performatives.SASLInit, b"\x01", mechanism=b"ANONYMOUS")
        self.say_raw(AMQP)
        self.say(0, performatives.OpenFrame, **{"container_id": "me", "max_frame_size": 65536, **values})
        heard = [name for name, _, _ in self.hear()]
        assert heard == ["header", "mechanisms", "outcome", "header", "open"], heard
        return self

    def begun(self, channel=0, window=1000, **values):
        """A session on top of it."""
        self.opened(**values)
        self.begin(channel, window)
        self.hear_one("begin")
        return self

    def begin(self, channel=0, window=1000, **values):
        fields = {"next_outgoing_id": 0, "incoming_window": window, "outgoing_window": 1000, **values}
        self.say(channel, performatives.BeginFrame, **fields)

    def attach(self, handle, address, receives, channel=0, **values):
        ours, other = Source(address=address), Target(address="mine")
        if not receives:
            ours, other = Source(address="mine"), Target(address=address)
        fields = {
            "name": f"link{channel}.{handle}",
            "handle": handle,
            "role": receives,
            "source": ours,
            "target": other,
            "initial_delivery_count": None if receives else 0,
            **values,
        }
        self.say(channel, performatives.AttachFrame, **fields)

    def reading(self, credit=None, window=1000, **values):
        """A link that reads from the well."""
        self.begun(window=window)
        self.attach(0, "well", True, **values)
        self.hear_one("attach")
        if credit is not None:
            self.flow(0, credit)
        return self

    def sending(self, **values):
        """A link that sends to the drain."""
        self.begun(**values)
        self.attach(0, "drain", False)
        assert [name for name, _, _ in self.hear()] == ["attach", "flow"]
        return self

    def flow(self, handle, credit, seen=0, window=1000, next_id=0, channel=0, **values):
        fields = {"next_incoming_id": next_id, "incoming_window": window, "next_outgoing_id": 0}
        fields |= {"outgoing_window": 1000, "handle": handle, "delivery_count": seen, "link_credit": credit}
        self.say(channel, performatives.FlowFrame, **{**fields, **values})

    def transfer(self, payload, number=0, handle=0, channel=0, **values):
        fields = {"handle": handle, "delivery_id": number, "delivery_tag": b"t", "message_format": 0}
        fields |= {"settled": False, "more": False, "payload": payload, **values}
        self.say(channel, performatives.TransferFrame, **fields)


def text(number):
    """A message for the well."""
    return section(DATA, b"message %d" % number)


def whole(message_id, body, application=None):
    """A message as azure-eventhub encodes it."""
    output = bytearray()
    message = Message(
        properties=Properties(message_id=message_id), application_properties=application, data=[body]
    )
    _encode.encode_payload(output, message)
    return bytes(output)
