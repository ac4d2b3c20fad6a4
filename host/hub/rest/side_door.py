"""The side door: what the local hub offers over HTTPS and Azure does otherwise.

NOT part of IoT Hub. Every answer carries the header ``x-twinkle-side-door``.

``GET /twinkle/diagnostics`` streams why connections were refused or closed and what was
refused on live ones, one JSON object a line, for as long as the client listens. (Azure:
nothing like it.)

``GET``, ``PUT`` and ``DELETE /twinkle/authorities[/NAME]`` keep the certificate
authorities that may vouch for devices. (Azure: the management API.)
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from ..core import Hub, HubError
from ..core.messages.events import DIAGNOSTICS
from ..x509 import is_certificate
from .service import Rest
from .values import read_json

QUEUE = 10000  # events a slow listener may lag behind before the oldest are dropped
HEARTBEAT_S = 5.0  # an empty line, so that a listener notices a hub that is gone
LABEL = {"x-twinkle-side-door": "not part of Azure IoT Hub"}


class SideDoor:
    """The stream and its listeners."""

    def __init__(self, hub: Hub, rest: Rest):
        self._hub = hub
        self._closing = asyncio.Event()
        rest.add("GET", "/twinkle/diagnostics", "ServiceConnect", self._diagnostics)
        rest.add("GET", "/twinkle/authorities", "RegistryRead", self._authorities)
        rest.add("PUT", "/twinkle/authorities/{name}", "RegistryWrite", self._trust)
        rest.add("DELETE", "/twinkle/authorities/{name}", "RegistryWrite", self._distrust)

    def close(self) -> None:
        """End every stream."""
        self._closing.set()

    async def _authorities(self, request: web.Request) -> web.Response:
        return web.json_response(sorted(self._hub.authorities.certificates), headers=LABEL)

    async def _trust(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        pem = body.get("certificate") if isinstance(body, dict) else None
        if not isinstance(pem, str) or not is_certificate(pem):
            raise HubError("ArgumentInvalid", 'The body must be an object with a PEM "certificate".')
        self._hub.authorities.add(request.match_info["name"], pem)
        return web.Response(status=204, headers=LABEL)

    async def _distrust(self, request: web.Request) -> web.Response:
        self._hub.authorities.remove(request.match_info["name"])
        return web.Response(status=204, headers=LABEL)

    async def _diagnostics(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**LABEL, "Content-Type": "application/x-ndjson"})
        listener = Listener()
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
    """Diagnostics on their way to one client."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._dropped = 0
        self._came = asyncio.Event()

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event from the core."""
        if event["source"] != DIAGNOSTICS:
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
            reason = f"{self._dropped} diagnoses came faster than they were read"
            body = {"what": "eventsDropped", "reason": reason, "eventsDropped": self._dropped}
            events.insert(0, {"source": DIAGNOSTICS, "body": body})
            self._dropped = 0
        return "".join(json.dumps(event) + "\n" for event in events).encode() or b"\n"
