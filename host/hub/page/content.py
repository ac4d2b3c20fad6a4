"""What the page tells of one hub, from its start to its stop; a hub that was reset is another one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from ...release import release
from ..core import Hub
from ..events.gathering import Gathering
from ..faults.rules import Faults
from ..rest.routes import Routes
from ..ticker import Ticker
from .api import Api
from .boards import Boards
from .stream import Stream
from .trouble import Trouble

MQTT_PORT = 8883  # which a connection string need not say
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Running(Protocol):
    """The hub that is looked at, with what runs around its core."""

    hub: Hub
    ticker: Ticker
    events: Gathering
    info: dict[str, Any]

    @property
    def faults(self) -> Faults | None:
        """The rules by which it misbehaves now."""

    def turned_away(self) -> dict[str, int]:
        """What it counts of what it had no room for."""

    def misbehave(self, rules: str | None) -> Faults | None:
        """Follow other rules."""

    async def reset(self) -> None:
        """Be as it was when it started."""


class Content:
    """``routes`` lead to everything that is told of ``running``, whose state is in the folder ``state``.

    ``ticket()`` makes an address that opens the page once.
    """

    def __init__(
        self, running: Running, models: dict[str, dict[str, Any]], state: Path, ticket: Callable[[], str]
    ):
        self._ticket = ticket
        self._hub = running.hub
        self._running = running
        self._started = time.time()
        self._release = release()
        self.stream = Stream(running.hub, self._hello)
        self.boards = Boards(state)
        self.routes: Routes[Handler] = Routes()
        parts = (
            *Api(
                *(running.hub, running.ticker, running.events),
                *(models, self.boards.has, self._dialled),
            ).routes(),
            *self.boards.routes(),
            *Trouble(running).routes(),
            ("GET", "/health", self._health),
            ("GET", "/api/stream", self.stream.serve),
            ("POST", "/reset", self._reset),
            ("POST", "/api/address", self._address),
        )
        for method, path, handler in parts:
            self.routes.add(method, path, handler)

    def close(self) -> None:
        """End every stream."""
        self.stream.close()
        self.boards.close()

    def _dialled(self) -> str:
        info = self._running.info
        gateway = "" if info["address"] == info["host"] else f";GatewayHostName={info['address']}"
        return gateway if info["mqttPort"] == MQTT_PORT else f"{gateway};Port={info['mqttPort']}"

    def _hello(self) -> dict[str, Any]:
        return {"version": self._release, "hub": self._hub.host_name, "started": self._started}

    async def _health(self, request: web.Request) -> web.Response:
        """Whether the hub is ready, its version, and what it counts; nothing that is anybody's own."""
        return web.json_response(
            {
                "ready": True,
                "version": self._release,
                "started": self._started,
                "devices": self._hub.statistics(),
                **self._running.turned_away(),
                "viewers": self.stream.viewers,
                "viewersDropped": self.stream.dropped,
                "viewersRefused": self.stream.refused + self.boards.refused,
            }
        )

    async def _address(self, request: web.Request) -> web.Response:
        """A new address, for another browser."""
        return web.json_response({"address": self._ticket()})

    async def _reset(self, request: web.Request) -> web.Response:
        """The state as at the start: devices, twins, enrolments and authorities; without events, and without faults."""
        await asyncio.shield(self._running.reset())  # it is done wholly, whoever waits for it
        return web.json_response({"reset": True, "devices": self._running.hub.statistics()})
