"""Links (2.6): credit, deliveries in pieces, and the two kinds of end that a node gives them.

A node never pushes. A ``Source`` is asked for its next message when the peer has given credit,
the session's window is open and the connection has room, so that a peer which does not read
costs nothing but its own place.
"""

import struct
from types import SimpleNamespace
from typing import Any, Protocol

from .errors import (
    MESSAGE_SIZE_EXCEEDED,
    TRANSFER_LIMIT_EXCEEDED,
    AmqpError,
    Refused,
    SessionBroken,
    malformed,
)
from .performatives import ACCEPTED, SOURCE, TARGET, Form, Outcome
from .types import Array, Described, Symbol, ULong

CREDIT = 100  # messages a client may send before it hears of more
MAX_MESSAGE = 1024 * 1024  # bytes of a message to the hub, the form around it included
MAX_UNSETTLED = 1000  # deliveries that wait for the peer's word, of one link
SERIAL = 1 << 32  # 2.8.10: counts of deliveries go round

UNSETTLED, SETTLED, MIXED = 0, 1, 2  # sender's settle modes, 2.8.2

_UINT = struct.Struct(">I")
_NULLS = b"\x40" * 5


class Source(Protocol):
    """What a client reads from.

    ``asks``: whether it must know what becomes of a message. Where it need not, messages are settled as
    they are sent, whatever the client wished: azure-eventhub wishes to settle, and never does.
    """

    asks: bool

    def next(self) -> bytes | None:
        """The next message, encoded; None when there is none now."""

    def settled(self, number: int, outcome: Outcome | None) -> None:
        """What became of the delivery number ``number`` of this link, from 0; None when it was not said."""


class Sink(Protocol):
    """What a client sends to."""

    def take(self, payload: bytes) -> None:
        """A whole message. Refused rejects it."""


class Container(Protocol):
    """What there is at the hub's end of one connection."""

    def attach(self, link: "Link") -> Source | Sink:
        """The end for a link. Refused (amqp:not-found and others) when there is none for it."""

    def detached(self, link: "Link") -> None:
        """A link that was attached is gone, for whatever reason; called once."""

    def refused(self, address: str, error: AmqpError) -> None:
        """The peer is told of an error: that of a message on the link to ``address``, of the link, or of a session."""

    def plain(self, name: str, password: str) -> bool:
        """Whether SASL PLAIN (RFC 4616) lets these in."""


def terminus(value: Described | None, form: Form) -> SimpleNamespace | None:
    """A source or target, read; None where there is none."""
    if value is None:
        return None
    if value.descriptor not in (form.code, f"amqp:{form.name}:list"):
        raise malformed(f"{form.section}: what is no {form.name} stands in the place of one")
    return form.read(value.value)


def words(value: Symbol | Array | None) -> frozenset[str]:
    """A field of one or more symbols."""
    return frozenset() if value is None else frozenset([value] if isinstance(value, str) else map(str, value))


class Link:
    """One link, and what its peer said of it.

    ``sends``: the hub is the sender. ``address``: of the node, at the hub's end. ``reply_to``: the
    other end's address. ``filters``: of the source, values by key. ``wants``: desired capabilities.
    ``echoed``: filters that the node keeps to, for the answering attach.
    """

    def __init__(self, session: Any, attach: SimpleNamespace):
        source, target = terminus(attach.source, SOURCE), terminus(attach.target, TARGET)
        self.session = session
        self.name = attach.name
        self.handle = int(attach.handle)
        self.sends = bool(attach.role)  # 2.8.1: true is a receiver, which the peer is
        own, other = (source, target) if self.sends else (target, source)
        self.address = str(own.address) if own is not None and isinstance(own.address, str) else ""
        self.reply_to = str(other.address) if other is not None and isinstance(other.address, str) else ""
        self.filters: dict[Any, Any] = (source.filter if source is not None else None) or {}
        self.dynamic = own is not None and own.dynamic
        self.properties: dict[Any, Any] = attach.properties or {}
        self.wants = words(attach.desired_capabilities)
        self.echoed: dict[Any, Any] = {}
        self.wished = int(attach.snd_settle_mode)
        self.pre_settled = True
        self.receive_mode = int(attach.rcv_settle_mode)
        self.end: Any = None
        self.gone = False  # detached by the hub; the peer's word on it is awaited
        self.credit = CREDIT if not self.sends else 0
        self.count = 0 if self.sends else int(attach.initial_delivery_count or 0)
        self.sent = 0  # deliveries begun by the hub
        self.drain = self.drains = False  # what the peer said, and whether it waits for the answer to that
        self.unsettled: dict[int, int] = {}  # delivery id -> number of the delivery
        self.rest = b""  # of a delivery that is sent in pieces
        self.piece: bytearray | None = None  # of a delivery that comes in pieces; None between two

    def lead_to(self, end: Any) -> None:
        """What the link is for."""
        self.end = end
        self.pre_settled = self.sends and not (end.asks and self.wished != SETTLED)

    # --- the hub sends

    def flow(self, flow: SimpleNamespace) -> None:
        """The peer gives credit (2.6.7)."""
        seen = self.count if flow.delivery_count is None else int(flow.delivery_count)
        credit = (seen + int(flow.link_credit or 0) - self.count) % SERIAL
        # Less than nothing: the peer took credit back that was used meanwhile.
        self.credit = credit if credit < SERIAL // 2 else 0
        self.drain = self.drains = bool(flow.drain)

    def wants_more(self) -> bool:
        """Whether it may be sent something."""
        return not self.gone and (
            bool(self.rest) or (self.credit > 0 and len(self.unsettled) < MAX_UNSETTLED)
        )

    def pump(self, room: int) -> bool:
        """Send one frame of at most ``room`` bytes; False when there is nothing to send."""
        begins = not self.rest
        payload = self.end.next() if begins else self.rest
        if payload is None:
            return False
        session = self.session
        delivery = session.delivery_of(self, begins)
        part, self.rest = payload[:room], payload[room:]
        session.transfer(_transfer(self.handle, delivery, self.pre_settled, bool(self.rest)), part)
        if begins:
            self.credit -= 1
            self.count = (self.count + 1) % SERIAL
        return True

    def drained(self) -> None:
        """Nothing is left to send, and the peer wanted its credit used up (2.6.7)."""
        self.count = (self.count + self.credit) % SERIAL
        self.credit, self.drains = 0, False
        self.say_flow()  # with drain as the peer said it (2.6.7): rhea takes no other for the answer

    # --- the hub receives

    def transfer(self, transfer: SimpleNamespace, payload: bytes) -> None:
        """A piece of a delivery, or all of it; a whole one goes to the sink."""
        first = self.piece is None
        if first:
            if self.credit <= 0:
                raise Refused(TRANSFER_LIMIT_EXCEEDED, "2.6.7: more messages than the hub gave credit for")
            if transfer.delivery_id is None:
                raise SessionBroken("amqp:invalid-field", "2.7.5: a delivery begins without its delivery-id")
            self.delivery, self.settles = int(transfer.delivery_id), False
            self.credit -= 1
            self.count = (self.count + 1) % SERIAL
        self.settles = self.settles or bool(transfer.settled)
        self.session.hold(len(payload))
        self.piece = bytearray() if self.piece is None else self.piece
        self.piece += payload
        if len(self.piece) > MAX_MESSAGE:
            self.drop()
            raise Refused(MESSAGE_SIZE_EXCEEDED, f"2.7.3: a message has more than {MAX_MESSAGE} bytes")
        if transfer.aborted:
            self.drop()
        elif not transfer.more:
            whole = bytes(self.piece)
            self.drop()
            self._whole(whole)
        if self.credit <= CREDIT // 2 and not self.gone:
            self.credit = CREDIT
            self.say_flow()

    def drop(self) -> None:
        """Forget what has come of an unfinished delivery."""
        self.session.hold(-len(self.piece or b""))
        self.piece = None

    def _whole(self, payload: bytes) -> None:
        outcome = ACCEPTED
        try:
            self.end.take(payload)
        except Refused as refused:
            outcome = Outcome("rejected", refused)
            self.session.refused(self.address, refused)
        if not self.settles:
            self.session.dispose(self.delivery, outcome)

    # --- both

    def say_flow(self) -> None:
        """Tell credit and count."""
        self.session.say_flow(
            handle=self.handle,
            delivery_count=self.count,
            link_credit=self.credit,
            available=0 if self.sends else None,
            drain=self.drain,
        )

    def detach(self, error: AmqpError | None) -> None:
        """End the link from the hub's side; nothing when it has ended."""
        self.session.detach(self, error)

    def answer(self) -> dict[str, Any]:
        """The fields of the attach that answers the peer's."""
        mode = SETTLED if self.pre_settled else UNSETTLED
        source = SOURCE.write(
            address=self.address if self.sends else self.reply_to or None, filter=self.echoed or None
        )
        target = TARGET.write(address=self.reply_to or None if self.sends else self.address)
        return {
            "name": self.name,
            "handle": self.handle,
            "role": not self.sends,
            "snd_settle_mode": mode if self.sends else MIXED,
            "rcv_settle_mode": 0,
            "source": source,
            "target": target,
            "initial_delivery_count": 0 if self.sends else None,
            "max_message_size": ULong(MAX_MESSAGE),
        }


def _uint(value: int) -> bytes:
    return b"\x43" if value == 0 else bytes((0x52, value)) if value < 256 else b"\x70" + _UINT.pack(value)


def _transfer(handle: int, delivery: int | None, settled: bool, more: bool) -> bytes:
    # 2.7.5 at full length; by hand, since there is one for each event.
    head = b"\x40\x40" if delivery is None else _uint(delivery) + b"\xa0\x04" + _UINT.pack(delivery)
    body = _uint(handle) + head + b"\x43" + (b"\x41" if settled else b"\x42") + (b"\x41" if more else b"\x42")
    body += _NULLS
    return b"\x00\x53\x14\xc0" + bytes((len(body) + 1, 11)) + body
