"""A port of TLS for protocols that know asyncio's transports and nothing of it: HTTPS, and AMQP.

Python's ssl module refuses a client certificate that no authority of the server's signed (see the module
``secure``), and a device may have such a one; and it counts nobody who does not come to the handshake's end. So
the protocols, aiohttp's among them, are given a transport that speaks over a SecureStream.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL

from .patience import Lobby
from .secure import SecureStream

log = logging.getLogger("twinkle.hub")

HANDSHAKE_S = 10.0
STALL_S = 30.0  # between two looks whether a peer that is slow, or is to read the last word, reads at all
# What ``get_extra_info`` calls the client's certificate: a function of the authorities, ``SecureStream.certificate``;
# and what is to be called once the client has said who it is, ``SecureStream.known``.
CERTIFICATE, KNOWN = "certificate", "known"


def known(transport: asyncio.BaseTransport | None) -> None:
    """The client over there has said who it is; see Lobby. Nothing on a transport without one, or that has gone."""
    tell = transport and transport.get_extra_info(KNOWN)
    if tell:
        tell()


class TlsPort:
    """Listens, and gives each connection whose handshake is over to a protocol that ``protocols`` makes."""

    def __init__(self, context: SSL.Context, protocols: Callable[[], asyncio.Protocol]):
        self.context = context
        self.protocols = protocols
        self.lobby = Lobby()  # those that have not yet said who they are
        self._server: asyncio.Server | None = None

    async def start(self, bind: str, port: int) -> int:
        """Listen; answers the port (``port`` 0 takes any free one). OSError when it cannot."""
        self._server = await asyncio.get_running_loop().create_server(self._accept, bind, port, backlog=128)
        return self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close the port, and what is in the handshake; the others are closed by those they were given to."""
        if self._server:
            self._server.close()
        for stream in self.lobby:
            if not stream.agreed:
                stream.abort()

    def _accept(self) -> SecureStream:
        return SecureStream(self.context, Tunnel(self), self.lobby)


class Tunnel(asyncio.Transport):
    """One connection: to its protocol a transport, to the SecureStream what is spoken over it."""

    def __init__(self, endpoint: TlsPort):
        super().__init__()
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._closing = False

    # --- the connection's life, as the stream tells it

    def made(self, stream: SecureStream) -> None:
        self._stream = stream
        self._timer = self._loop.call_later(HANDSHAKE_S, self._late)

    def secured(self) -> None:
        self._timer.cancel()
        self._protocol = self._endpoint.protocols()
        self._protocol.connection_made(self)

    def heard(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def slow(self, is_slow: bool) -> None:
        if self._protocol is None:
            return
        if is_slow:
            self._timer.cancel()
            self._timer = self._loop.call_later(STALL_S, self._look)  # until then more may be written
            self._protocol.pause_writing()
        else:
            if not self._closing:
                self._timer.cancel()
            self._protocol.resume_writing()

    def ended(self, reason: str | None) -> None:
        if reason is not None:
            log.info("%s: %s", self._stream.peer, reason)
        if self._protocol is not None:
            self._protocol.eof_received()
        self.close()

    def lost(self) -> None:
        self._closing = True
        self._timer.cancel()
        if self._protocol is not None:
            self._protocol.connection_lost(None)

    def _late(self) -> None:
        log.info("%s: no TLS handshake in %.0f s; dropped", self._stream.peer, HANDSHAKE_S)
        self.abort()

    def _look(self, before: float = math.inf) -> None:
        """Drop it when it has read nothing of ``before`` bytes; else look again, as long as it matters."""
        self._timer.cancel()
        unsent = self._stream.unsent
        if unsent < before:
            self._timer = self._loop.call_later(STALL_S, self._look, unsent)
        else:
            log.warning("%s does not read what it is sent; dropped", self._stream.peer)
            self.abort()

    # --- what a protocol asks of a transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What asyncio knows of the connection; ``sslcontext``, which says that it is TLS; CERTIFICATE; KNOWN."""
        if name == CERTIFICATE:
            return self._stream.certificate
        if name == KNOWN:
            return self._stream.known
        if name == "sslcontext":
            return self._endpoint.context
        return self._stream.extra(name, default)

    def is_closing(self) -> bool:
        """Whether it is over, or will be once all is sent."""
        return self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what the peer does not take yet is kept, and the protocol told when that is much."""
        if data:
            self._stream.write(data)

    def get_write_buffer_size(self) -> int:
        """Bytes that the peer has not taken yet."""
        return self._stream.unsent

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the protocol is told to pause, and when to go on; as asyncio has it, of encrypted bytes."""
        self._stream.limit(high, low)

    def pause_reading(self) -> None:
        """Leave what comes where it is; a peer that goes on is held up by TCP."""
        self._stream.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._stream.resume_reading()

    def close(self) -> None:
        """End it once all is sent."""
        if not self._closing:
            self._closing = True
            self._stream.close()
            self._look()

    def abort(self) -> None:
        """End it now."""
        self._closing = True
        self._stream.abort()
