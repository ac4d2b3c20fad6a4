"""AMQP over WebSocket on the REST port: the AMQP endpoint for networks that let nothing but HTTPS through.

Binary messages of sub-protocol ``AMQPWSB10`` are a stream of bytes, wherever they are cut (AMQP WebSocket Binding,
2.1). What the stream says is what it says on 5671, tokens included. IoT Hub has the door at two paths: azure-eventhub
and azure-iot-hub ask for the one with ``$servicebus``, Node's azure-iothub for the one with ``$iothub``.
"""

import asyncio
import contextlib
from collections import deque

from aiohttp import WSCloseCode, WSMsgType, web

from ..amqp.frames import MAX_FRAME
from ..core import HubError
from ..doors.amqp import AmqpEndpoint, Door
from .refusals import refusal
from .service import Rest

PATHS = ("/$servicebus/websocket", "/$iothub/websocket")
SUB_PROTOCOL = "AMQPWSB10"
VERSION = "13"  # RFC 6455, 4.4
MAX_MESSAGE = 1 << 20  # bytes of a WebSocket message; the frames in it have limits of their own
GOODBYE_S = 1.0  # for the client's half of the closing handshake


class AmqpWebSocket:
    """The door; who comes through it is counted among the AMQP endpoint's connections."""

    def __init__(self, endpoint: AmqpEndpoint, rest: Rest):
        self._endpoint = endpoint
        for path in PATHS:
            rest.add_upgrade(path, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        refused = _refusal(request)
        if refused is None and self._endpoint.full:
            self._endpoint.refused += 1
            full = HubError("ServiceUnavailable", "There are as many AMQP connections as the hub takes.")
            refused = refusal(request, full)
        if refused is not None:
            return refused
        socket = web.WebSocketResponse(
            protocols=(SUB_PROTOCOL,), timeout=GOODBYE_S, compress=False, max_msg_size=MAX_MESSAGE
        )
        below = request.transport  # of a client that has gone meanwhile there is none; to prepare says so
        await socket.prepare(request)
        door = Door(self._endpoint)
        line = Line(socket, below, door)
        door.connection_made(line)
        sending = asyncio.create_task(line.send())
        try:
            await line.receive()
        finally:
            door.connection_lost(None)
            line.close()
            await sending
        return socket


def _refusal(request: web.Request) -> web.Response | None:
    headers = request.headers
    if headers.get("Upgrade", "").lower() != "websocket" or headers.get("Sec-WebSocket-Version") != VERSION:
        return web.Response(
            status=426,
            text=f"Here is a WebSocket of version {VERSION}, and nothing else.",
            headers={"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION},
        )
    if SUB_PROTOCOL not in [word.strip() for word in headers.get("Sec-WebSocket-Protocol", "").split(",")]:
        other = HubError("ArgumentInvalid", f"The hub's only sub-protocol here is {SUB_PROTOCOL}.")
        return refusal(request, other)
    return None


class Line(asyncio.Transport):
    """A WebSocket as the transport of a door. ``send`` and ``receive`` are to run until they end."""

    def __init__(self, socket: web.WebSocketResponse, below: asyncio.Transport, door: Door):
        super().__init__({"peername": below.get_extra_info("peername")})
        self._socket = socket
        self._below = below
        self._door = door
        self._limit = 0
        self._unsent: deque[bytes] = deque()
        self._size = 0
        self._full = self._closing = False
        self._written = asyncio.Event()
        self._wanted = asyncio.Event()
        self._wanted.set()

    async def receive(self) -> None:
        """Give the door what comes, while it reads, until either side closes."""
        while True:
            await self._wanted.wait()
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
            if message.type is not WSMsgType.BINARY:
                return
            self._door.data_received(message.data)

    async def send(self) -> None:
        """Send what the door writes, until either side closes."""
        with contextlib.suppress(ConnectionError):
            while not self._closing or self._unsent:
                if not self._unsent:
                    self._written.clear()
                    await self._written.wait()
                    continue
                data = self._unsent.popleft()
                for start in range(0, len(data), MAX_FRAME):
                    await self._socket.send_bytes(data[start : start + MAX_FRAME])
                self._size -= len(data)
                if self._full and self._size <= self._limit // 4:
                    self._full = False
                    self._door.resume_writing()
            await self._socket.close()
        self._closing = True
        self._wanted.set()

    # --- what a door asks of a transport

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Above ``high`` bytes the door is told to pause, at a quarter of them to go on."""
        self._limit = high or 0

    def get_write_buffer_size(self) -> int:
        """Bytes that the peer has not taken yet."""
        return self._size

    def write(self, data: bytes) -> None:
        """Keep this to be sent."""
        if self._closing:
            return
        self._unsent.append(data)
        self._size += len(data)
        self._written.set()
        if not self._full and self._size > self._limit:
            self._full = True
            self._door.pause_writing()

    def pause_reading(self) -> None:
        """Leave what comes where it is; a peer that goes on is held up by TCP."""
        self._wanted.clear()

    def resume_reading(self) -> None:
        """Read again."""
        self._wanted.set()

    def is_closing(self) -> bool:
        """Whether it is over, or will be once all is sent."""
        return self._closing

    def close(self) -> None:
        """End it once all is sent."""
        self._closing = True
        self._written.set()

    def abort(self) -> None:
        """End it now."""
        self._unsent.clear()
        self._below.abort()
        self.close()
        self.resume_reading()
