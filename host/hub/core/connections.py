"""Connections of devices: admitted one at a time for each device, ended when their token does."""

from typing import TYPE_CHECKING

from . import events as event_names
from . import throttles
from .admission import admit
from .errors import ConnectRefused, HubError
from .ports import Hello, Link
from .session import Session

if TYPE_CHECKING:
    from .hub import Hub

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
    """The way in and out for the devices of one hub. ``hosts``: the names it is reached by."""

    def __init__(self, hub: "Hub", hosts: tuple[str, ...]):
        self._hub = hub
        self._hosts = hosts

    def connect(self, hello: Hello, link: Link) -> Session:
        """See ``Hub.connect``."""
        hub = self._hub
        now = hub.clock.utc()
        try:
            hub.throttles.spend(throttles.CONNECTIONS)
            admission = admit(hello, self._hosts, hub.devices.get, hub.access.policies, now)
        except ConnectRefused as refused:
            self._refused(hello, refused)
            raise
        except HubError as error:
            raise self._refused(hello, ConnectRefused(UNAVAILABLE, str(error))) from error
        device = admission.device
        if device.session is not None:
            device.session.close(EVICTED)
        remembered = device.remembered
        session = Session(hub, admission, hello, link)
        device.last_activity = device.state_changed = now
        device.sequence += 1
        if admission.model_id is not None:
            device.twin.model_id = admission.model_id
        try:
            hub.devices.save(device)
        except HubError as error:
            device.remembered = remembered
            raise self._refused(hello, ConnectRefused(UNAVAILABLE, error.message)) from error
        device.session = session
        if admission.expiry is not None:
            self._expire_at(session, admission.expiry)
        if device.calls:
            hub.timers.at(hub.clock.monotonic(), lambda: hub.methods.offer(device))
        if device.inbox:
            hub.timers.at(hub.clock.monotonic(), lambda: hub.messages.deliver(device))
        hub.events.connection_state(device)
        return session

    def _refused(self, hello: Hello, refused: ConnectRefused) -> ConnectRefused:
        what, device_id = event_names.CONNECTION_REFUSED, hello.client_id[:128]
        self._hub.events.diagnostic(device_id, what, refused.reason, connackCode=refused.code)
        return refused

    def _expire_at(self, session: Session, expiry: int) -> None:
        clock = self._hub.clock

        def look() -> None:
            # The wall clock may have been set back since.
            if clock.utc() < expiry:
                self._expire_at(session, expiry)
            else:
                session.close(TOKEN_EXPIRED)

        session.expiry = self._hub.timers.at(clock.monotonic() + expiry - clock.utc(), look)

    def left(self, session: Session) -> None:
        """A session ended (called by the session)."""
        device = session.device
        device.session = None
        device.state_changed = self._hub.clock.utc()
        device.sequence += 1
        self._hub.devices.save_or_tell(device)
        self._hub.events.connection_state(device)
