"""A port of TLS for whatever is spoken over asyncio's transports: MQTT, AMQP, HTTPS."""

import asyncio
from collections.abc import Callable

from OpenSSL import SSL

from .patience import Lobby
from .secure import SecureTransport


class TlsPort:
    """Listens, and gives each connection whose handshake is over to a protocol that ``protocols`` makes."""

    def __init__(self, context: SSL.Context, protocols: Callable[[], asyncio.Protocol]):
        self.lobby = Lobby()  # those that have not yet said who they are
        self._context = context
        self._protocols = protocols
        self._server: asyncio.Server | None = None

    async def start(self, bind: str, port: int) -> int:
        """Listen; answers the port (``port`` 0 takes any free one). OSError when it cannot."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.accept, bind, port, backlog=1024)
        return self._server.sockets[0].getsockname()[1]

    def accept(self) -> SecureTransport:
        """What serves one more connection."""
        return SecureTransport(self._context, self._protocols, self.lobby)

    def stop(self) -> None:
        """Close the port, and what is in the handshake; the others are closed by those they were given to."""
        if self._server:
            self._server.close()
        for transport in self.lobby:
            if not transport.agreed:
                transport.abort()
