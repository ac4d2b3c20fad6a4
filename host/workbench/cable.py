"""The cable of a board on this computer: a line to the hub that can be pulled out.

In, it is as if it were not there: it listens while the hub does, and refuses while the hub does. Out, nothing passes
and neither side is told, not even that the other has gone; who dials gets no answer at all.
"""

import asyncio
import contextlib
import socket

PIECE = 65536  # bytes
LOOK_S = 0.25  # between two looks for a hub that is not there
LOOPBACK = "127.0.0.1"
IN_FRONT = 2  # connections that keep a listener busy which takes one


class Cable:
    """Leads to ``hub_port`` of this computer. ``port``: where it begins."""

    def __init__(self, hub_port: int):
        self.hub_port = hub_port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._silent: list[socket.socket] = []
        self._claim = socket.socket()
        self._plugged = asyncio.Event()
        self._plugged.set()
        self._looking: asyncio.Task | None = None

    async def start(self) -> None:
        """Be there; OSError when that cannot be."""
        # Bound and never listened on: while nothing listens here, the port is given to nobody else (ip(7)).
        self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._claim.bind((LOOPBACK, 0))
        self.port = self._claim.getsockname()[1]
        await self._listen()

    def stop(self) -> None:
        """Be gone."""
        self._refuse()
        self._end_silence()
        self._claim.close()
        if self._looking:
            self._looking.cancel()

    def plug(self, plugged: bool) -> None:
        """Put it in, or pull it out."""
        if plugged == self._plugged.is_set():
            return
        if plugged:
            self._end_silence()
            self._plugged.set()
            self._look()
        else:
            self._plugged.clear()
            self._refuse()
            self._be_silent()

    # --- in

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, LOOPBACK, self.port)

    def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._follow())

    async def _follow(self) -> None:
        """Refuse for as long as the hub does."""
        while self._plugged.is_set():
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, self.hub_port)
                writer.close()
                if self._server is None and self._plugged.is_set():
                    await self._listen()
                return
            except OSError:
                self._refuse()
            await asyncio.sleep(LOOK_S)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hub_reader, hub_writer = await asyncio.open_connection(LOOPBACK, self.hub_port)
            await asyncio.gather(self._carry(reader, hub_writer), self._carry(hub_reader, writer))
        except OSError:
            writer.transport.abort()
            self._look()
        except asyncio.CancelledError:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # one end has gone; the other is told by the closing below
            while data := await reader.read(PIECE):
                await self._plugged.wait()
                writer.write(data)
                await writer.drain()
        await self._plugged.wait()
        writer.close()
        self._look()

    # --- out

    def _be_silent(self) -> None:
        # A listener that takes one connection and has it: Linux answers no further one, as nobody answers on a
        # line that is cut (listen(2), "backlog").
        listener = socket.socket()
        self._silent = [listener, *(socket.socket() for _ in range(IN_FRONT))]
        with contextlib.suppress(OSError):  # somebody has taken the port; then it is refused
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, self.port))
            listener.listen(0)
            for one in self._silent[1:]:
                one.setblocking(False)
                one.connect_ex((LOOPBACK, self.port))

    def _end_silence(self) -> None:
        for one in self._silent:
            one.close()
        self._silent = []
