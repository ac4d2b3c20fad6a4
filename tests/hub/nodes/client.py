"""A service at the hub's AMQP door, without a socket."""

import uuid

from azure.eventhub._pyamqp import _encode
from azure.eventhub._pyamqp.endpoints import Source, Target
from azure.eventhub._pyamqp.message import Message, Properties
from azure.eventhub._pyamqp.types import TYPE, VALUE, AMQPTypes
from harness import HOST, token
from peer import Peer

from twinkle_host.hub.amqp import Connection, read_message
from twinkle_host.hub.nodes import HubContainer

SELECTOR = b"apache.org:selector-filter:string"
HUB = HOST.partition(".")[0]


def reply(payload):
    """An answer: status, its text, the message."""
    message = read_message(payload)
    return message.application["status-code"], message.application["status-description"], message


class Client(Peer):
    """A connection to the hub of a desk."""

    def __init__(self, desk):
        super().__init__()
        self.desk = desk
        self.refusals = []
        self.container = HubContainer(desk.event_hub, lambda: None, self.refusals.append)
        self.connection = Connection(self.container, "the hub", self.now)
        self._pairs = {}
        self._handle = 0

    def ask(self, address, application, value=None, message_id=None, reply_to=None, credit=1):
        """A request and its answer: status, its text, the message."""
        if address not in self._pairs:
            receiver, sender = self._handle, self._handle + 1
            self._handle += 2
            self.attach(receiver, address, True)
            self.attach(sender, address, False)
            heard = [name for name, _, _ in self.hear()]
            assert heard == ["attach", "attach", "flow"], heard
            self._pairs[address] = [receiver, sender, 0]
        receiver, sender, count = self._pairs[address]
        self._pairs[address][2] += 1
        self.flow(receiver, 1, seen=count)
        output = bytearray()
        properties = Properties(message_id=message_id or uuid.uuid4(), reply_to=reply_to)
        _encode.encode_payload(
            output,
            Message(
                properties=properties,
                application_properties=application,
                value=value,
            ),
        )
        self.transfer(bytes(output), number=count, handle=sender)
        heard = [item for item in self.hear() if item[0] != "flow"]
        assert [name for name, _, _ in heard] == ["disposition", "transfer"], heard
        return reply(heard[1][2])

    def put(self, policy="service", life=3600, name=None, resource=None, key=None, kind=None):
        """A token put to ``$cbs``; the answer's status and text."""
        access = self.desk.hub.access
        key = key or access.policies[policy].keys[0]
        text = token(resource or f"sb://{HOST}/{HUB}", key, int(self.desk.clock.utc()) + life, policy)
        asked = {
            "operation": "put-token",
            "type": kind or "servicebus.windows.net:sastoken",
            "name": name or f"sb://{HOST}/{HUB}",
        }
        return self.ask("$cbs", asked, text)[:2]

    def entered(self, **token_):
        """Opened, begun, and with a token."""
        self.begun(window=100000)
        assert self.put(**token_) == (200, "OK")
        return self

    def read(self, number, group="$Default", start=None, level=None, credit=100, address=None, wants=None):
        """Attach a reader; answers its handle."""
        handle, self._handle = self._handle, self._handle + 1
        filters = None
        if start is not None:
            text = {TYPE: AMQPTypes.string, VALUE: f"amqp.annotation.x-opt-{start}"}
            filters = {SELECTOR: (SELECTOR, text)}
        address = address or f"amqps://{HOST}/{HUB}/ConsumerGroups/{group}/Partitions/{number}"
        self.attach(
            *(handle, address, True),
            source=Source(address=address, filters=filters),
            target=Target(address="mine"),
            properties=None
            if level is None
            else {"com.microsoft:epoch": {TYPE: AMQPTypes.long, VALUE: level}},
            desired_capabilities=wants,
        )
        if credit and self.connection.sessions[0].links[handle].end is not None:
            self.flow(handle, credit, window=100000)
        return handle

    def got(self):
        """The events that came: (sequence number, body)."""
        events = []
        for name, _, payload in self.hear():
            if name == "transfer":
                message = read_message(payload)
                events.append((message.annotations["x-opt-sequence-number"], message.data))
        return events

    def detached(self):
        """Why the last link ended."""
        return [fields[2][0].decode() for name, fields, _ in self.hear() if name == "detach"]
