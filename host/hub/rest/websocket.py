"""WebSockets on the REST port: AMQP and MQTT for networks that let nothing but HTTPS through.

Binary messages are a stream of bytes, wherever they are cut (AMQP WebSocket Binding, 2.1; MQTT 3.1.1, section 6). What
the stream says is what it says on 5671 and on 8883, tokens, limits and faults included. IoT Hub has the door at two
paths: azure-eventhub and azure-iot-hub ask for the one with ``$servicebus``, Node's azure-iothub and every device, DPS
included, for the one with ``$iothub``, some of them with ``?iothub-no-client-cert=true`` behind it. Sub-protocols are
known in any letter case: Azure's SDK for C asks for ``MQTT``.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from ..amqp.frames import MAX_FRAME
from ..core import HubError
from ..doors.amqp import AmqpEndpoint
from ..doors.mqtt import Endpoint
from .service import Rest

log = logging.getLogger("twinkle.hub")

AMQP, MQTT = "AMQPWSB10", "mqtt"
VERSION = "13"  # RFC 6455, 4.4
MAX_MESSAGE = 1 << 20  # bytes of a WebSocket message; the frames or packets in it have limits of their own
MAX_PIECE = MAX_FRAME  # of what the hub says
PAUSE_ABOVE = 64 * 1024  # unsent bytes, where a door sets no limit; asyncio's own for its transports
GOODBYE_S = 1.0  # for the client's half of the closing handshake

Doors = Mapping[str, Callable[[], asyncio.Protocol]]  # by sub-protocol; HubError where there is no room


def add_websockets(rest: Rest, amqp: AmqpEndpoint, mqtt: Endpoint) -> None:
    """Open the doors; who comes through them is counted among the endpoints' own connections."""
    services: Doors = {AMQP: amqp.accept}
    devices: Doors = {MQTT: mqtt.accept}
    rest.add_upgrade("/$servicebus/websocket", partial(_serve, services))
    rest.add_upgrade("/$iothub/websocket", partial(_serve, {**services, **devices}))


async def _serve(doors: Doors, request: web.Request) -> web.StreamResponse:
    headers = request.headers
    if headers.get("Upgrade", "").lower() != "websocket" or headers.get("Sec-WebSocket-Version") != VERSION:
        return web.Response(
            status=426,
            text=f"Here is a WebSocket of version {VERSION}, and nothing else.",
            headers={"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION},
        )
    name, accept = _asked(doors, headers.get("Sec-WebSocket-Protocol", ""))
    door = accept()
    socket = web.WebSocketResponse(
        protocols=(name,), timeout=GOODBYE_S, compress=False, max_msg_size=MAX_MESSAGE
    )
    below = request.transport  # of a client that has gone meanwhile there is none; to prepare says so
    await socket.prepare(request)
    line = Line(socket, below, door)
    door.connection_made(line)
    sending = asyncio.create_task(line.send())
    broken = None
    try:
        broken = await line.receive()
        if broken is not None:
            log.info("%s: %s", request.remote, broken)
    finally:
        door.connection_lost(broken)
        line.close()
        await sending
    return socket


def _asked(doors: Doors, offered: str) -> tuple[str, Callable[[], asyncio.Protocol]]:
    """The first sub-protocol of the client's that is spoken here, as the client writes it, and what speaks it."""
    known = {name.lower(): accept for name, accept in doors.items()}
    for name in offered.split(","):
        if accept := known.get(name.strip().lower()):
            return name.strip(), accept
    raise HubError("ArgumentInvalid", f"The hub's sub-protocols here are {' and '.join(doors)}, no other.")


class BrokenWebSocket(ConnectionError):
    """The client said what it must not say over this WebSocket."""


class Line(asyncio.Transport):
    """A WebSocket as the transport of a door. ``send`` and ``receive`` are to run until they end."""

    def __init__(self, socket: web.WebSocketResponse, below: asyncio.Transport, door: asyncio.Protocol):
        super().__init__()
        self._socket = socket
        self._below = below
        self._door = door
        self._limit = PAUSE_ABOVE
        self._unsent = bytearray()
        self._full = self._closing = False
        self._written = asyncio.Event()
        self._wanted = asyncio.Event()
        self._wanted.set()

    async def receive(self) -> BrokenWebSocket | None:
        """Give the door what comes, while it reads, until either side closes; answers what was wrong."""
        while True:
            await self._wanted.wait()
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                if not self._closing:
                    self._door.data_received(message.data)
                continue
            if message.type is WSMsgType.TEXT:
                await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
                return BrokenWebSocket(
                    "WebSocket failed: a message of text; only binary ones are a stream of bytes"
                )
            broken = isinstance(message.data, WebSocketError)
            return BrokenWebSocket(f"WebSocket failed: {message.data}") if broken else None

    async def send(self) -> None:
        """Send what the door writes, until either side closes."""
        with contextlib.suppress(ConnectionError):
            while not self._closing or self._unsent:
                if not self._unsent:
                    self._written.clear()
                    await self._written.wait()
                    continue
                piece = bytes(self._unsent[:MAX_PIECE])
                await self._socket.send_bytes(piece)
                del self._unsent[: len(piece)]
                if self._full and len(self._unsent) <= self._limit // 4:
                    self._full = False
                    self._door.resume_writing()
            await self._socket.close()
        self._closing = True
        self._wanted.set()

    # --- what a door asks of a transport

    def get_extra_info(self, name: str, default: object = None) -> object:
        """What is known of the connection below."""
        return self._below.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Above ``high`` bytes the door is told to pause, at a quarter of them to go on."""
        self._limit = PAUSE_ABOVE if high is None else high

    def get_write_buffer_size(self) -> int:
        """Bytes that the peer has not taken yet."""
        return len(self._unsent)

    def write(self, data: bytes) -> None:
        """Keep this to be sent."""
        if self._closing:
            return
        self._unsent += data
        self._written.set()
        if not self._full and len(self._unsent) > self._limit:
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
