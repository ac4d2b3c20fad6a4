"""Connections (2.4) with their SASL layer (5.3): bytes in, bytes out, and the time.

``_EXPECTS`` says what comes in which state. One object a connection; nothing here waits or opens.
"""

from collections.abc import Iterator
from types import SimpleNamespace

from . import frames
from .errors import (
    CONNECTION_FORCED,
    ILLEGAL_STATE,
    NOT_ALLOWED,
    RESOURCE_LIMIT_EXCEEDED,
    AmqpError,
    ConnectionBroken,
    NotAmqp,
    SessionBroken,
)
from .frames import AMQP_HEADER, SASL_HEADER, Decoder, Frame, frame
from .link import Container
from .performatives import BEGIN, CLOSE, END, MECHANISMS, OPEN, OUTCOME, error_of
from .session import Session
from .types import Array

MECHANISM_NAMES = ["MSSBCBS", "ANONYMOUS", "PLAIN", "EXTERNAL"]
CHANNEL_MAX = 63
IDLE_S = 120.0  # what a peer is told; it is dropped after twice that (2.4.5)
MIN_IDLE_S = 1.0  # a peer may not ask for a frame each millisecond
MAX_HELD = 2 * frames.MAX_FRAME + (1 << 20)  # bytes of unfinished deliveries of one connection
FILL = 256 * 1024  # bytes that are made ready to be sent at once

START, SASL, SASL_DONE, OPENING, OPENED, CLOSED = "start", "sasl", "sasl done", "opening", "opened", "closed"

# State -> what may come: a protocol header, or frames of a type.
_EXPECTS = {
    START: None,
    SASL: frames.SASL_FRAMES,
    SASL_DONE: None,
    OPENING: frames.AMQP_FRAMES,
    OPENED: frames.AMQP_FRAMES,
}
# Which header is taken in which state, and the state that it leads to.
_HEADERS = {
    (START, SASL_HEADER): SASL,
    (START, AMQP_HEADER): OPENING,
    (SASL_DONE, AMQP_HEADER): OPENING,
}


class Connection:
    """One connection of a client. ``now`` is monotonic seconds throughout.

    ``state`` is ``closed`` once nothing more is to be read or said; what ``take()`` gives must still be sent.
    """

    def __init__(self, container: Container, container_id: str, now: float):
        self.container = container
        self.state = START
        self.sessions: dict[int, Session] = {}
        self.frame_room = frames.MIN_FRAME
        self.error: AmqpError | None = None  # why the hub ended it
        self._id = container_id
        self._decoder = Decoder()
        self._out: list[bytes] = []
        self._size = 0
        self._held = 0
        self._heard = self._spoke = now
        self._pulse: float | None = None  # seconds between two frames that the peer wants to see

    # --- what comes

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the peer. What they lead to is in ``take()``."""
        self._heard = now
        try:
            for item in self._items(data):
                if isinstance(item, bytes):
                    self._header(item)
                elif item.body is not None:
                    self._frame(item)
                if self.state == CLOSED:
                    return
        except NotAmqp:
            self._send_raw(SASL_HEADER)  # 2.2: what the hub speaks, and the end
            self.lost()
        except ConnectionBroken as error:
            self.close(error)

    def _items(self, data: bytes) -> Iterator[bytes | Frame]:
        self._decoder.expect = _EXPECTS[self.state] if self.state != CLOSED else None
        if self.state != CLOSED:
            yield from self._decoder.feed(data)

    def _become(self, state: str) -> None:
        self.state = state
        self._decoder.expect = _EXPECTS.get(state)

    def _header(self, header: bytes) -> None:
        state = _HEADERS.get((self.state, header))
        if state is None:
            raise NotAmqp("a protocol or a version that the hub does not speak")
        self._send_raw(header)
        self._become(state)
        if state == SASL:
            names = Array.of_symbols(MECHANISM_NAMES)
            self._send_sasl(MECHANISMS.encode(sasl_server_mechanisms=names))

    def _frame(self, item: Frame) -> None:
        body = item.body
        if self.state == SASL:
            self._sasl(body)
        elif (self.state == OPENING) != (body.form is OPEN):
            raise ConnectionBroken(
                ILLEGAL_STATE, f"2.4.6: {body.form.name} while the connection is {self.state}"
            )
        elif body.form is OPEN:
            self._open(body)
        elif body.form is CLOSE:
            self.close(None)
        elif body.form is BEGIN:
            self._begin(item.channel, body)
        else:
            self._of_session(item.channel, body, item.payload)

    def _sasl(self, init: SimpleNamespace) -> None:
        # Who may do what is decided by the tokens put to $cbs; only PLAIN says something by itself.
        known = init.mechanism in MECHANISM_NAMES
        if init.mechanism == "PLAIN":
            parts = (init.initial_response or b"").split(b"\x00")
            known = len(parts) == 3 and self.container.plain(
                *(part.decode("utf-8", "replace") for part in parts[1:])
            )
        self._send_sasl(OUTCOME.encode(code=0 if known else 1))
        self._become(SASL_DONE)
        if not known:
            self.lost()

    def _open(self, opened: SimpleNamespace) -> None:
        if opened.max_frame_size < frames.MIN_FRAME:
            raise ConnectionBroken(
                "amqp:invalid-field", f"2.7.1: frames of less than {frames.MIN_FRAME} bytes"
            )
        self.frame_room = min(int(opened.max_frame_size), frames.MAX_FRAME)
        if opened.idle_time_out:
            # 2.4.5: the peer drops what is silent for so long; half of it leaves time to arrive.
            self._pulse = max(opened.idle_time_out / 1000 / 2, MIN_IDLE_S)
        self._decoder.limit = frames.MAX_FRAME
        self._become(OPENED)
        self._say_open()

    def _say_open(self) -> None:
        values = {
            "container_id": self._id,
            "max_frame_size": frames.MAX_FRAME,
            "channel_max": CHANNEL_MAX,
            "idle_time_out": int(IDLE_S * 1000),
        }
        self.send(0, OPEN.encode(**values))

    def _begin(self, channel: int, begin: SimpleNamespace) -> None:
        if channel > CHANNEL_MAX:
            text = f"2.7.1: channel {channel} is above {CHANNEL_MAX}"
            raise ConnectionBroken(RESOURCE_LIMIT_EXCEEDED, text)
        if channel in self.sessions or begin.remote_channel is not None:
            raise ConnectionBroken(
                NOT_ALLOWED, f"2.5.1: channel {channel} has a session, or the hub began none"
            )
        self.sessions[channel] = Session(self, channel, begin)

    def _of_session(self, channel: int, body: SimpleNamespace, payload: bytes) -> None:
        session = self.sessions.get(channel)
        if session is None:
            return  # azure-eventhub detaches its links after it has ended their session
        if body.form is END:
            ended = session.ending
            session.lost()
            del self.sessions[channel]
            if not ended:
                self.send(channel, END.encode())
            return
        try:
            session.receive(body, payload)
        except SessionBroken as error:
            session.end(error)

    # --- what goes

    def take(self) -> bytes:
        """What is to be sent now."""
        data = b"".join(self._out)
        self._out.clear()
        self._size = 0
        return data

    def pump(self) -> bool:
        """Ask the sources for what their links may be sent, one frame a link in turn, up to FILL bytes.

        Answers whether it stopped there.
        """
        busy = self.state == OPENED
        while busy and self._size < FILL:
            busy = False
            for session in list(self.sessions.values()):
                busy = session.pump() or busy
        return busy

    def send(self, channel: int, performative: bytes, payload: bytes = b"") -> None:
        """A frame, for the parts of this connection."""
        self._send_raw(frame(channel, performative, payload))

    def hold(self, size: int) -> None:
        """Count bytes of unfinished deliveries; too many end the connection."""
        self._held += size
        if self._held > MAX_HELD:
            text = f"2.8.15: more than {MAX_HELD} bytes of unfinished deliveries"
            raise ConnectionBroken(RESOURCE_LIMIT_EXCEEDED, text)

    def _send_raw(self, data: bytes) -> None:
        self._out.append(data)
        self._size += len(data)

    def _send_sasl(self, body: bytes) -> None:
        self._send_raw(frame(0, body, kind=frames.SASL_FRAMES))

    # --- time and the end

    def step(self, now: float) -> float:
        """What the passing of time asks for; answers when to come again, in seconds."""
        if now - self._heard >= 2 * IDLE_S:
            self.close(
                ConnectionBroken(CONNECTION_FORCED, f"2.4.5: nothing was heard for {2 * IDLE_S:.0f} s")
            )
        if self._out:
            self._spoke = now
        elif self._pulse is not None and self.state == OPENED and now - self._spoke >= self._pulse:
            self._send_raw(frames.EMPTY)
            self._spoke = now
        quiet = self._heard + 2 * IDLE_S - now
        return quiet if self._pulse is None else min(quiet, max(0.0, self._spoke + self._pulse - now))

    def close(self, error: AmqpError | None) -> None:
        """End it, and say why; nothing when it has ended."""
        if self.state == CLOSED:
            return
        self.error = error
        if self.state == OPENING:
            self._say_open()  # 2.4.3: a close needs an open before it
        if self.state in (OPENING, OPENED):
            self.send(0, CLOSE.encode(error=error_of(error)))
        self.lost()

    def lost(self) -> None:
        """The line is gone."""
        if self.state != CLOSED:
            self._become(CLOSED)
            for session in self.sessions.values():
                session.lost()
            self.sessions.clear()
