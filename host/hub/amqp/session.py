"""Sessions (2.5): windows both ways, handles, and which delivery is whose.

What a frame does in which state (2.5.5) is the table ``Session.DOES``; a session that the hub has
ended takes nothing but the peer's end.
"""

from types import SimpleNamespace
from typing import Any

from .errors import (
    ERRANT_LINK,
    HANDLE_IN_USE,
    NOT_IMPLEMENTED,
    RESOURCE_LIMIT_EXCEEDED,
    UNATTACHED_HANDLE,
    WINDOW_VIOLATION,
    AmqpError,
    Refused,
    SessionBroken,
)
from .link import SERIAL, Link
from .performatives import (
    ATTACH,
    BEGIN,
    DETACH,
    DISPOSITION,
    END,
    FLOW,
    TRANSFER,
    Outcome,
    error_of,
    outcome_of,
)

WINDOW = 2048  # frames the peer may send before it hears of more
HANDLE_MAX = 63
FRAME_ROOM = 64  # bytes of a transfer frame that are not payload


class Session:
    """One session of a connection, on the channel of its peer and of its own, which are the same."""

    def __init__(self, connection: Any, channel: int, begin: SimpleNamespace):
        self.channel = channel
        self.links: dict[int, Link] = {}
        self.ending = False  # 2.5.5: DISCARDING
        self._connection = connection
        self._next_in = int(begin.next_outgoing_id)
        self._left_in = WINDOW
        self._next_out = 0
        self._left_out = int(begin.incoming_window)
        self._next_delivery = 0
        self._say(
            BEGIN,
            remote_channel=channel,
            next_outgoing_id=0,
            incoming_window=WINDOW,
            outgoing_window=WINDOW,
            handle_max=HANDLE_MAX,
        )

    # --- what comes

    def receive(self, body: SimpleNamespace, payload: bytes) -> None:
        """A frame of this session, any but begin and end."""
        if not self.ending:
            self.DOES[body.form.code](self, body, payload)

    def _attach(self, attach: SimpleNamespace, _: bytes) -> None:
        handle = int(attach.handle)
        if handle > HANDLE_MAX:
            raise SessionBroken(RESOURCE_LIMIT_EXCEEDED, f"2.7.2: handle {handle} is above {HANDLE_MAX}")
        if handle in self.links:
            raise SessionBroken(HANDLE_IN_USE, f"2.7.3: handle {handle} is attached already")
        link = Link(self, attach)
        self.links[handle] = link
        refused = None
        try:
            if link.dynamic or not (attach.source and attach.target):
                raise Refused(NOT_IMPLEMENTED, "2.6.3: a link needs a source and a target with addresses")
            link.lead_to(self._connection.container.attach(link))
        except Refused as error:
            refused = error
        self._say(ATTACH, **link.answer())
        if refused is not None:
            self.detach(link, refused)
        elif not link.sends:
            link.say_flow()

    def _detach(self, detach: SimpleNamespace, _: bytes) -> None:
        link = self.links.pop(int(detach.handle), None)
        if link is not None and not link.gone:
            self._forget(link)
            self._say(DETACH, handle=link.handle, closed=True)

    def _flow(self, flow: SimpleNamespace, _: bytes) -> None:
        # 2.5.6: what the peer's window is, seen from what the hub has sent meanwhile.
        seen = 0 if flow.next_incoming_id is None else int(flow.next_incoming_id)
        left = (seen + int(flow.incoming_window) - self._next_out) % SERIAL
        self._left_out = left if left < SERIAL // 2 else 0
        if flow.handle is not None:
            link = self._link(flow.handle)
            if link.sends and not link.gone:
                link.flow(flow)
            if flow.echo and not link.gone and not link.drains:
                link.say_flow()
        elif flow.echo:
            self.say_flow()

    def _transfer(self, transfer: SimpleNamespace, payload: bytes) -> None:
        self._next_in = (self._next_in + 1) % SERIAL
        self._left_in -= 1
        if self._left_in < 0:
            raise SessionBroken(WINDOW_VIOLATION, "2.5.6: more frames than the window of the session takes")
        link = self._link(transfer.handle)
        if link.sends:
            raise SessionBroken(ERRANT_LINK, "2.6.12: a transfer on a link that the peer receives by")
        if not link.gone:
            try:
                link.transfer(transfer, payload)
            except Refused as error:
                self.detach(link, error)
        if self._left_in <= WINDOW // 2:
            self._left_in = WINDOW
            self.say_flow()

    def _disposition(self, disposition: SimpleNamespace, _: bytes) -> None:
        if not disposition.role:
            return  # about what the peer sent, which the hub settles at once
        first = int(disposition.first)
        last = first if disposition.last is None else int(disposition.last)
        outcome = outcome_of(disposition.state)
        if outcome is None and not disposition.settled:
            return
        for link in self.links.values():
            # A range may be as wide as the peer likes; what is looked through is what it owes.
            for delivery in [
                key for key in link.unsettled if (key - first) % SERIAL <= (last - first) % SERIAL
            ]:
                number = link.unsettled.pop(delivery)
                if not disposition.settled:
                    self._say(DISPOSITION, role=False, first=delivery, settled=True, state=disposition.state)
                link.end.settled(number, outcome)

    def _link(self, handle: int) -> Link:
        link = self.links.get(int(handle))
        if link is None:
            raise SessionBroken(UNATTACHED_HANDLE, f"2.6.12: nothing is attached to handle {handle}")
        return link

    DOES = {
        ATTACH.code: _attach,
        DETACH.code: _detach,
        FLOW.code: _flow,
        TRANSFER.code: _transfer,
        DISPOSITION.code: _disposition,
    }

    # --- what goes, for its links

    def delivery_of(self, link: Link, begins: bool) -> int | None:
        """The id for a transfer of ``link``; None where it goes on with a delivery."""
        if not begins:
            return None
        delivery = self._next_delivery
        self._next_delivery = (delivery + 1) % SERIAL
        if not link.pre_settled:
            link.unsettled[delivery] = link.sent
        link.sent += 1
        return delivery

    def transfer(self, performative: bytes, part: bytes) -> None:
        """A transfer frame, for which the window has room."""
        self._next_out = (self._next_out + 1) % SERIAL
        self._left_out -= 1
        self._connection.send(self.channel, performative, part)

    def pump(self) -> bool:
        """One frame for each link that may be sent one; False when there was none."""
        if self.ending:
            return False
        busy, room = False, self._connection.frame_room - FRAME_ROOM
        for link in list(self.links.values()):
            if not link.sends or link.gone or self._left_out <= 0:
                continue
            if link.wants_more() and link.pump(room):
                busy = True
            elif link.drains and not link.rest:
                link.drained()
        return busy

    def hold(self, size: int) -> None:
        """Bytes of unfinished deliveries, more or less of them."""
        self._connection.hold(size)

    def refused(self, address: str, error: AmqpError) -> None:
        """The peer is told of an error; see the container."""
        self._connection.container.refused(address, error)

    def dispose(self, delivery: int, outcome: Outcome) -> None:
        """Settle what the peer sent."""
        self._say(DISPOSITION, role=True, first=delivery, last=delivery, settled=True, state=outcome.write())

    def say_flow(self, **of_a_link: Any) -> None:
        """Tell the state of the session, and of a link of it."""
        self._left_in = WINDOW
        self._say(
            FLOW,
            next_incoming_id=self._next_in,
            incoming_window=WINDOW,
            next_outgoing_id=self._next_out,
            outgoing_window=WINDOW,
            **of_a_link,
        )

    def _say(self, form: Any, **values: Any) -> None:
        self._connection.send(self.channel, form.encode(**values))

    # --- the end

    def detach(self, link: Link, error: AmqpError | None) -> None:
        """End a link; what the peer still says of it is dropped until its own detach."""
        if link.gone or self.ending:
            return
        self._forget(link)
        link.gone = True
        self._say(DETACH, handle=link.handle, closed=True, error=error_of(error))
        if error is not None:
            self.refused(link.address, error)

    def end(self, error: AmqpError | None) -> None:
        """End the session from the hub's side."""
        if not self.ending:
            self.lost()
            self.ending = True
            self._say(END, error=error_of(error))
            if error is not None:
                self.refused("", error)

    def lost(self) -> None:
        """It is over: its links are."""
        for link in self.links.values():
            if not link.gone:
                self._forget(link)
        self.links.clear()

    def _forget(self, link: Link) -> None:
        link.drop()
        if link.end is not None:
            self._connection.container.detached(link)
