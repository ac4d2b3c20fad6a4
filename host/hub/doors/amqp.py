"""The service-facing AMQP endpoint: sockets, TLS and time limits around the engine.

What a peer does not read is not made for it: while its line is full nothing is asked of the nodes and
nothing is read from it.
"""

import asyncio
import logging
import time

from OpenSSL import SSL

from ..amqp import Connection
from ..amqp.connection import CLOSED, OPENED
from ..amqp.errors import CONNECTION_FORCED, INTERNAL_ERROR, ConnectionBroken
from ..core import HubError
from ..events.gathering import Gathering
from ..nodes import EventHub, HubContainer
from .patience import Lobby
from .secure import known
from .tls_port import TlsPort

log = logging.getLogger("twinkle.hub")

GREET_S = 10.0  # for the open
MAX_CONNECTIONS = 1000
MAX_UNSENT = 512 * 1024  # bytes that wait for a peer; above, it is waited for
STALL_S = 60.0  # a peer that reads nothing for so long is dropped, and one that leaves its last word unread
STOPS = "The hub stops."
LOOK_S = 0.5  # from a token's end to the end of what it opened, at most


class AmqpEndpoint:
    """Listens for services."""

    def __init__(self, event_hub: EventHub, events: Gathering, container_id: str, context: SSL.Context):
        self.event_hub = event_hub
        self.container_id = container_id
        self.too_many = 0  # connections for which there was no room
        self.connections: set[Door] = set()
        self._tls = TlsPort(context, lambda: Door(self))
        self._plain: asyncio.Server | None = None
        self.lobby = Lobby()  # those without TLS that have not yet said who they are
        self._unwatch = events.watch(self._grown)

    async def start(self, bind: str, port: int) -> int:
        """Listen with TLS; answers the port. OSError when it cannot."""
        return await self._tls.start(bind, port)

    async def start_plain(self, bind: str, port: int) -> int:
        """Listen without TLS; answers the port. OSError when it cannot."""
        loop = asyncio.get_running_loop()
        self._plain = await loop.create_server(lambda: Door(self, self.lobby), bind, port, backlog=128)
        return self._plain.sockets[0].getsockname()[1]

    @property
    def refused(self) -> int:
        """How many connections there was no room for, those that had not yet said who they are among them."""
        return self.too_many + self._tls.lobby.refused + self.lobby.refused

    @property
    def full(self) -> bool:
        """Whether there are as many connections as there is room for."""
        return len(self.connections) >= MAX_CONNECTIONS

    def accept(self) -> "Door":
        """A door whose transport is yet to be made; ServiceUnavailable when there are too many."""
        if self.full:
            self.too_many += 1
            raise HubError("ServiceUnavailable", "There are as many AMQP connections as the hub takes.")
        return Door(self)

    async def stop(self) -> None:
        """Close the ports, and every connection with a word."""
        self._unwatch()
        self._tls.stop()
        if self._plain:
            self._plain.close()
        for door in list(self.connections):
            door.container.release(STOPS)
            door.end(ConnectionBroken(CONNECTION_FORCED, STOPS))
        await asyncio.sleep(0)

    def _grown(self, partitions: list[int]) -> None:
        for door in list(self.connections):
            if door.container.reads(partitions):
                door.flush()


class Door(asyncio.Protocol):
    """One connection. ``lobby``: where it waits, if not in that of a TLS below it, until a token was taken."""

    def __init__(self, endpoint: AmqpEndpoint, lobby: Lobby | None = None):
        self._endpoint = endpoint
        self._lobby = lobby
        self._loop = asyncio.get_running_loop()
        self.container = HubContainer(endpoint.event_hub, self._wake, self._refused)
        self._engine = Connection(self.container, endpoint.container_id, self._loop.time())
        self._full = False
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._woken = False
        self._puts = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._who = "{}:{}".format(*(transport.get_extra_info("peername") or ("?", 0))[:2])
        transport.set_write_buffer_limits(MAX_UNSENT)
        if self._endpoint.full:
            self._endpoint.too_many += 1
            transport.abort()
            return
        self._endpoint.connections.add(self)
        if self._lobby is not None:
            self._lobby.enter(self)
        self._timer = self._loop.call_later(GREET_S, self._greeted)

    def connection_lost(self, error: Exception | None) -> None:
        self._endpoint.connections.discard(self)
        self._known()
        self._engine.lost()
        for timer in (self._timer, self._stalled):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._lobby is not None:
            self._lobby.heard(self, len(data))
        if self._transport.is_closing():
            return
        try:
            self._engine.receive(data, self._loop.time())
        except Exception:
            self._broken()
        if self.container.puts != self._puts and self._engine.state == OPENED:
            self._puts = self.container.puts
            known(self._transport)
            self._known()
            self._timer.cancel()
            self._tick()  # which looks when the new token ends
        else:
            self.flush()

    def pause_writing(self) -> None:
        # Who does not read is not listened to either.
        self._full = True
        self._transport.pause_reading()
        self._stalled = self._loop.call_later(STALL_S, self._drop)

    def resume_writing(self) -> None:
        self._full = False
        self._stalled.cancel()
        self._transport.resume_reading()
        self.flush()

    def flush(self) -> None:
        """Send what is ready and what its readers may have; a good deal of it, and the rest in the next turn."""
        if self._transport.is_closing():
            return
        try:
            if not self._full and self._engine.pump():
                self._wake()
        except Exception:
            self._broken()
        if data := self._engine.take():
            self._transport.write(data)
        if self._engine.state == CLOSED:
            if self._engine.error is not None:
                log.info("%s closed: %s", self._who, self._engine.error)
            self._transport.close()
            self._timer.cancel()
            self._timer = self._loop.call_later(STALL_S, self._transport.abort)

    def end(self, error: ConnectionBroken) -> None:
        """Close it, and say why."""
        self._engine.close(error)
        self.flush()

    def _broken(self) -> None:
        # A fault of the hub's own: one connection ends by it, and it is told.
        log.exception("%s: a fault of the hub's own", self._who)
        self._engine.close(
            ConnectionBroken(INTERNAL_ERROR, "The hub has made a mistake; its log says which.")
        )

    def _refused(self, reason: str) -> None:
        # Azure's readers try again in silence; this is the place where it is said.
        log.info("%s refused: %s", self._who, reason)

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._awake)

    def _awake(self) -> None:
        self._woken = False
        self.flush()

    def drop(self) -> None:
        """End it, without a word: others need its room."""
        self._transport.abort()

    def _known(self) -> None:
        if self._lobby is not None:
            self._lobby.leave(self)
            self._lobby = None

    def _drop(self) -> None:
        log.warning("%s does not read what it is sent; dropped", self._who)
        self._transport.abort()

    # --- time

    def _greeted(self) -> None:
        if self._engine.state == OPENED:
            self._tick()
        else:
            log.info("%s did not open in %.0f s; dropped", self._who, GREET_S)
            self._transport.abort()

    def _tick(self) -> None:
        wait = self._engine.step(self._loop.time())
        end = self.container.expire()
        if end is not None:
            wait = min(wait, max(LOOK_S, end - time.time()))
        self._timer = self._loop.call_later(min(wait, GREET_S), self._tick)
        self.flush()
