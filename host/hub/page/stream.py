"""What happens, on its way to the browsers that look: one server-sent event a quarter of a second at the most.

While nobody looks, the hub's core is not listened to, and makes no event for it. A browser that reads too slowly
misses the oldest, and is told how many; what it missed of telemetry is in the event log.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from ..core import Hub
from ..core.messages.events import CONNECTION_STATE, LIFECYCLE, TELEMETRY
from .card import card
from .points import moment, numbers

PACE_S = 0.25  # between two server-sent events
HEARTBEAT_S = 5.0  # an empty comment, so that a hub that is gone is noticed
QUEUE = 2000  # what waits for one browser, in events
MOST_VIEWERS = 32
MOST_SEEN = 200  # devices that one browser shows at once
COUNTED = (CONNECTION_STATE, LIFECYCLE)


class Viewer:
    """One browser. ``seen``: the devices that it shows as cards; ``whole``: the one whose events it shows."""

    def __init__(self, hub: Hub, seen: frozenset[str], whole: str | None):
        self._hub = hub
        self._seen = seen if whole is None else seen | {whole}
        self._whole = whole
        self._points: list[Any] = []
        self._events: list[dict[str, Any]] = []
        self._changed: set[str] = set()
        self._counted = False
        self.dropped = 0
        self.came = asyncio.Event()

    def hear(self, event: dict[str, Any]) -> None:
        """Take an event from the core."""
        device_id, source = event["deviceId"], event["source"]
        if source in COUNTED:
            self._counted = True
            self.came.set()
        if device_id not in self._seen:
            return
        if source == TELEMETRY:
            if event["bodyType"] == "json":
                system = event["systemProperties"]
                found = numbers(event["body"], system.get("dt-subject"), event.get("moduleId"))
                if found:
                    when = moment(system, system["iothub-enqueuedtime"])
                    self._keep(self._points, [device_id, when, found])
        else:
            self._changed.add(device_id)
        if device_id == self._whole:
            self._keep(self._events, event)
        self.came.set()

    def _keep(self, queue: list[Any], item: Any) -> None:
        if len(queue) >= QUEUE:
            queue.pop(0)
            self.dropped += 1
        queue.append(item)

    def batch(self) -> dict[str, Any]:
        """What has come since the last time; only what there is."""
        told: dict[str, Any] = {}
        points, self._points = self._points, []
        events, self._events = self._events, []
        changed, self._changed = self._changed, set()
        if points:
            told["points"] = points
        if events:
            told["events"] = [_shown(event) for event in events]
        if changed:
            found = ((device_id, self._hub.devices.get(device_id)) for device_id in sorted(changed))
            told["cards"] = [card(device) if device else {"id": name, "gone": True} for name, device in found]
        if self._counted:
            self._counted = False
            told["counts"] = self._hub.statistics()
        if self.dropped:
            told["dropped"], self.dropped = self.dropped, 0
        return told


def _shown(event: dict[str, Any]) -> dict[str, Any]:
    system = event["systemProperties"]
    enqueued = system.get("iothub-enqueuedtime")
    if enqueued is None:  # of a diagnostic
        enqueued = int(datetime.fromisoformat(event["enqueuedTime"]).timestamp() * 1000)
    return {
        "time": moment(system, enqueued),
        "enqueued": enqueued,
        "source": event["source"],
        "module": event.get("moduleId"),
        "properties": event["applicationProperties"],
        "bodyType": event["bodyType"],
        "body": event["body"],
    }


class Stream:
    """The browsers that look. ``hello()`` is what each is told first.

    ``dropped`` counts what they missed, ``refused`` those that there was no room for.
    """

    def __init__(self, hub: Hub, hello: Callable[[], dict[str, Any]]):
        self._hub = hub
        self._hello = hello
        self._closing = asyncio.Event()
        self.viewers = 0
        self.dropped = 0
        self.refused = 0

    def close(self) -> None:
        """End every stream."""
        self._closing.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """``GET /api/stream?device=…&device=…&whole=…``, until the browser or the hub goes."""
        if self.viewers >= MOST_VIEWERS:
            self.refused += 1
            return full()
        seen = frozenset(request.query.getall("device", [])[:MOST_SEEN])
        viewer = Viewer(self._hub, seen, request.query.get("whole"))
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        self.viewers += 1
        stop = self._hub.listen(viewer.hear)
        try:
            await response.prepare(request)
            await response.write(sse({"hello": self._hello(), "counts": self._hub.statistics()}))
            await self._tell(viewer, response)
        except ConnectionError:
            return response
        finally:
            stop()
            self.viewers -= 1
            self.dropped += viewer.dropped  # of what it has not been told any more
        return response

    async def _tell(self, viewer: Viewer, response: web.StreamResponse) -> None:
        while not self._closing.is_set():
            if not await either(viewer.came, self._closing, HEARTBEAT_S):
                await response.write(b":\n\n")
                continue
            viewer.came.clear()
            told = viewer.batch()
            self.dropped += told.get("dropped", 0)
            if told:
                await response.write(sse(told))
            await either(self._closing, self._closing, PACE_S)


def full() -> web.Response:
    """What a browser gets that there is no room for."""
    return web.json_response({"error": {"message": f"{MOST_VIEWERS} pages are open already"}}, status=503)


async def either(one: asyncio.Event, other: asyncio.Event, limit: float) -> bool:
    """Whether one of two came within ``limit`` seconds."""
    if one.is_set() or other.is_set():
        return True
    waits = [asyncio.ensure_future(event.wait()) for event in {one, other}]
    try:
        done, _ = await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)


def sse(value: Any) -> bytes:
    """A server-sent event with this value as its data."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
