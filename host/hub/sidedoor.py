"""The side door: a stream of everything that happens on the local hub.

NOT part of IoT Hub, where telemetry and events are read over AMQP from an Event
Hubs endpoint. ``GET /twinkle/events`` answers one JSON object a line for as long
as the client listens; ``deviceId`` narrows it to one device. Every answer carries
the header ``x-twinkle-side-door``.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from .core import Hub
from .rest import Rest

QUEUE = 10000  # events a slow listener may lag behind before the oldest are dropped
HEARTBEAT_S = 5.0  # an empty line, so that a listener notices a hub that is gone
LABEL = {"x-twinkle-side-door": "not part of Azure IoT Hub", "Content-Type": "application/x-ndjson"}


class SideDoor:
    """The stream and its listeners."""

    def __init__(self, hub: Hub, rest: Rest):
        self._hub = hub
        self._closing = asyncio.Event()
        rest.add("GET", "/twinkle/events", "ServiceConnect", self._events)

    def close(self) -> None:
        """End every stream."""
        self._closing.set()

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=LABEL)
        listener = Listener(request.query.get("deviceId"))
        stop = self._hub.listen(listener.hear)
        try:
            await response.prepare(request)
            while not self._closing.is_set():
                await response.write(await listener.lines(self._closing))
        except ConnectionError:
            return response
        finally:
            stop()
        return response


class Listener:
    """Events on their way to one client."""

    def __init__(self, device_id: str | None):
        self._device_id = device_id
        self._events: list[dict[str, Any]] = []
        self._dropped = 0
        self._came = asyncio.Event()

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event from the core."""
        if self._device_id and event.get("deviceId") != self._device_id:
            return
        if len(self._events) >= QUEUE:
            self._events.pop(0)
            self._dropped += 1
        self._events.append(event)
        self._came.set()

    async def lines(self, closing: asyncio.Event) -> bytes:
        """What has come, as lines; an empty line when nothing has for a while."""
        waits = [asyncio.ensure_future(self._came.wait()), asyncio.ensure_future(closing.wait())]
        try:
            await asyncio.wait(waits, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        events, self._events = self._events, []
        self._came.clear()
        if self._dropped:
            events.insert(0, {"source": "hubDiagnostics", "body": {"eventsDropped": self._dropped}})
            self._dropped = 0
        return "".join(json.dumps(event) + "\n" for event in events).encode() or b"\n"
