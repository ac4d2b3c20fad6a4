"""What the page asks of the hub: JSON over the core's own functions, as the REST endpoint's handlers use them.

Refusals are the core's, as ``{"error": {"status", "code", "name", "message"}}`` with the same HTTP status.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ..core import Hub, HubError, MethodResult
from ..core.devices.device import Device
from ..events.gathering import Gathering
from ..rest.values import read_json
from ..ticker import Ticker
from . import history
from .card import card
from .models import display_name, model_of, units

PAGE = 24  # cards on one page of the overview
MOST_ON_PAGE = 100
STATES: dict[str, Callable[[Device], bool]] = {
    "all": lambda device: True,
    "connected": lambda device: device.session is not None,
    "disconnected": lambda device: device.session is None,
    "disabled": lambda device: not device.enabled,
    "troubled": lambda device: (
        "lastError" in device.twin.reported.values or device.twin.reported.values.get("status") == "Rejected"
    ),
}


class Api:
    """The handlers. ``models``: interfaces by ``@id``; ``has_board``: whether a device's board is on this computer.

    ``dialled()``: what a connection string ends with, to be dialled from here.
    """

    def __init__(
        self,
        hub: Hub,
        ticker: Ticker,
        events: Gathering,
        models: dict[str, dict[str, Any]],
        has_board: Callable[[str], bool],
        dialled: Callable[[], str],
    ):
        self._hub = hub
        self._ticker = ticker
        self._events = events
        self._models = models
        self._has_board = has_board
        self._dialled = dialled

    def routes(self) -> list[tuple[str, str, Any]]:
        """Method, path and handler."""
        one = "/api/devices/{id}"
        return [
            ("GET", "/api/devices", self._list),
            ("POST", "/api/devices", self._create),
            ("GET", one, self._get),
            ("DELETE", one, self._delete),
            ("PATCH", one + "/desired", self._patch_desired),
            ("PUT", one + "/status", self._put_status),
            ("POST", one + "/disconnect", self._disconnect),
            ("POST", one + "/connection-string", self._connection_string),
            ("POST", one + "/methods", self._invoke),
            ("POST", one + "/messages", self._send),
            ("DELETE", one + "/messages", self._purge),
            ("GET", one + "/telemetry", self._telemetry),
            ("GET", one + "/curve", self._curve),
            ("GET", one + "/events", self._kept_events),
        ]

    # --- the overview

    async def _list(self, request: web.Request) -> web.Response:
        """A page of cards: ``?page=0&size=24&search=…&state=…``."""
        query = request.query
        search, state = query.get("search", "").casefold(), query.get("state", "all")
        if state not in STATES:
            raise HubError("ArgumentInvalid", f"The state is one of {', '.join(STATES)}.")
        size = min(_whole(query.get("size"), PAGE), MOST_ON_PAGE) or PAGE
        found = [
            device
            for device in map(self._hub.devices.find, self._hub.devices.order)
            if search in device.id.casefold() and STATES[state](device)
        ]
        pages = max(1, -(-len(found) // size))
        page = min(_whole(query.get("page"), 0), pages - 1)
        cards = [
            {**self._card(device), "board": self._has_board(device.id)}
            for device in found[page * size : (page + 1) * size]
        ]
        counts = self._hub.statistics()
        return web.json_response(
            {"devices": cards, "found": len(found), "page": page, "pages": pages, "counts": counts}
        )

    def _card(self, device: Device) -> dict[str, Any]:
        interface = self._models.get(device.twin.model_id or "", {})
        return {**card(device), "name": display_name(interface), "units": units(interface)}

    async def _create(self, request: web.Request) -> web.Response:
        body = await _object(request)
        device_id = body.get("deviceId")
        if not isinstance(device_id, str):
            raise HubError("ArgumentInvalid", 'The body must be an object with a "deviceId".')
        self._hub.create_device(device_id, {})
        self._ticker.touch()
        return web.json_response(card(self._hub.devices.find(device_id)), status=201)

    # --- one device

    async def _get(self, request: web.Request) -> web.Response:
        device = self._device(request)
        return web.json_response(
            {
                **self._card(device),
                "twin": device.twin_view(),
                "model": model_of(self._models, device.twin.model_id),
                "modelId": device.twin.model_id,
                "board": self._has_board(device.id),
            }
        )

    async def _delete(self, request: web.Request) -> web.Response:
        self._hub.delete_device(request.match_info["id"])
        self._ticker.touch()
        return web.Response(status=204)

    async def _patch_desired(self, request: web.Request) -> web.Response:
        """``{"patch", "etag"}``: refused with 412 when somebody else wrote since the etag was read."""
        body = await _object(request)
        etag = body.get("etag")
        if not isinstance(etag, str) or "patch" not in body:
            raise HubError("ArgumentInvalid", 'The body must be an object with a "patch" and an "etag".')
        patch = {"properties": {"desired": body["patch"]}}
        twin = self._hub.patch_twin(request.match_info["id"], patch, etag)
        self._ticker.touch()
        return web.json_response(twin)

    async def _put_status(self, request: web.Request) -> web.Response:
        body = await _object(request)
        device_id = request.match_info["id"]
        self._hub.update_device(device_id, {"deviceId": device_id, "status": body.get("status")})
        self._ticker.touch()
        return web.json_response(card(self._device(request)))

    async def _disconnect(self, request: web.Request) -> web.Response:
        session = self._device(request).session
        if session is not None:
            session.close("somebody ended the connection on the hub's page")
        self._ticker.touch()
        return web.json_response(card(self._device(request)))

    async def _connection_string(self, request: web.Request) -> web.Response:
        text = self._hub.connection_string(request.match_info["id"]) + self._dialled()
        return web.json_response({"connectionString": text}, headers={"Cache-Control": "no-store"})

    async def _invoke(self, request: web.Request) -> web.Response:
        """``{"name", "payload"}``; answers status, payload and the milliseconds it took."""
        body = await _object(request)
        if not isinstance(body.get("name"), str):
            raise HubError("ArgumentInvalid", 'The body must be an object with a "name".')
        result: asyncio.Future[MethodResult | HubError] = asyncio.get_running_loop().create_future()

        def done(outcome: MethodResult | HubError) -> None:
            if not result.done():
                result.set_result(outcome)

        begun = time.monotonic()
        self._hub.invoke(request.match_info["id"], body["name"], body.get("payload"), done=done)
        self._ticker.touch()
        outcome = await result
        if isinstance(outcome, HubError):
            raise outcome
        took = round((time.monotonic() - begun) * 1000)
        return web.json_response({"status": outcome.status, "payload": outcome.payload, "ms": took})

    async def _send(self, request: web.Request) -> web.Response:
        body = await _object(request)
        text, properties = body.get("body"), body.get("properties", {})
        if not isinstance(text, str) or not _are_texts(properties):
            raise HubError(
                "ArgumentInvalid", 'A message has a "body" that is text, and "properties" that are texts.'
            )
        self._hub.send(request.match_info["id"], text.encode(), properties)
        self._ticker.touch()
        return web.json_response({"waiting": len(self._device(request).inbox)})

    async def _purge(self, request: web.Request) -> web.Response:
        purged = self._hub.purge(request.match_info["id"])
        self._ticker.touch()
        return web.json_response({"purged": purged})

    # --- what the log holds

    async def _telemetry(self, request: web.Request) -> web.Response:
        device = self._device(request)
        since = _whole(request.query.get("since"), 0)
        return web.json_response(await history.telemetry(self._events.events, device.id, since))

    async def _curve(self, request: web.Request) -> web.Response:
        return web.json_response(await history.curve(self._events.events, self._device(request).id))

    async def _kept_events(self, request: web.Request) -> web.Response:
        return web.json_response(await history.events(self._events.events, self._device(request).id))

    def _device(self, request: web.Request) -> Device:
        return self._hub.devices.find(request.match_info["id"])


async def _object(request: web.Request) -> dict[str, Any]:
    body = await read_json(request)
    if not isinstance(body, dict):
        raise HubError("ArgumentInvalid", "The body must be an object.")
    return body


def _are_texts(properties: Any) -> bool:
    return isinstance(properties, dict) and all(isinstance(value, str) for value in properties.values())


def _whole(text: str | None, otherwise: int) -> int:
    number = otherwise
    with contextlib.suppress(ValueError):
        number = int((text or "")[:20])
    return max(0, number)
