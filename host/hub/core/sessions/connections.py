"""Connections of devices: admitted one at a time for each device, ended when their token does."""

from .. import throttles
from ..errors import ConnectRefused, HubError
from ..messages import events as event_names
from ..ports import Hello, Link
from .admission import admit
from .parts import Parts
from .session import Session

UNAVAILABLE = 3  # CONNACK: server unavailable; devices try again
EVICTED = (
    "400027: a newer connection with the same device id took over; two programs use this identity, "
    "or the device reconnected before its old link was noticed dead"
)
TOKEN_EXPIRED = (
    "401003: the token of this connection expired; the device must reconnect with a fresh token "
    "before that moment (SDKs renew some minutes ahead)"
)


class Connections:
    """The way in and out for the devices of one parts."""

    def __init__(self, parts: Parts):
        self._parts = parts

    def connect(self, hello: Hello, link: Link) -> Session:
        """See ``Hub.connect``."""
        parts = self._parts
        now = parts.clock.utc()
        try:
            parts.throttles.spend(throttles.CONNECTIONS)
            admission = admit(hello, parts.hosts, parts.known, parts.access.policies, now)
        except ConnectRefused as refused:
            self._refused(hello, refused)
            raise
        except HubError as error:
            raise self._refused(hello, ConnectRefused(UNAVAILABLE, str(error))) from error
        device = admission.device
        if device.session is not None:
            device.session.close(EVICTED)
        remembered = device.remembered
        session = Session(parts, admission, hello, link, self.left)
        device.last_activity = device.state_changed = now
        device.sequence += 1
        if admission.model_id is not None:
            device.twin.model_id = admission.model_id
        try:
            parts.devices.save(device)
        except HubError as error:
            device.remembered = remembered
            raise self._refused(hello, ConnectRefused(UNAVAILABLE, error.message)) from error
        device.session = session
        if admission.expiry is not None:
            self._expire_at(session, admission.expiry)
        if device.calls:
            parts.timers.at(parts.clock.monotonic(), lambda: parts.methods.offer(device))
        if device.inbox:
            parts.timers.at(parts.clock.monotonic(), lambda: parts.messages.deliver(device))
        parts.events.connection_state(device)
        return session

    def _refused(self, hello: Hello, refused: ConnectRefused) -> ConnectRefused:
        what, device_id = event_names.CONNECTION_REFUSED, hello.client_id[:128]
        self._parts.events.diagnostic(device_id, what, refused.reason, connackCode=refused.code)
        return refused

    def _expire_at(self, session: Session, expiry: int) -> None:
        clock = self._parts.clock

        def look() -> None:
            # The wall clock may have been set back since.
            if clock.utc() < expiry:
                self._expire_at(session, expiry)
            else:
                session.close(TOKEN_EXPIRED)

        session.expiry = self._parts.timers.at(clock.monotonic() + expiry - clock.utc(), look)

    def left(self, session: Session) -> None:
        """A session ended (called by the session)."""
        device = session.device
        device.session = None
        device.state_changed = self._parts.clock.utc()
        device.sequence += 1
        if self._parts.known(device.id) is device:  # and was not deleted
            self._parts.devices.save_or_tell(device)
        self._parts.events.connection_state(device)
