"""The page's server: its files, its API and its stream, on a port of loopback that only its user gets into."""

import logging
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from ...release import release
from ..core import Hub
from ..events.gathering import Gathering
from ..names import LOOPBACK
from ..rest import MAX_BODY, http_log
from ..ticker import Ticker
from .access import Access, kept_key
from .api import Api, refusals
from .boards import Boards
from .stream import Stream

STATIC = files(__package__) / "static"
KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
HEADERS = {
    # No script or style but our own files', no other site, no frame around us.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OUTSIDE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Twinkle</title>
<h1>Not open to you yet</h1><p>{why}</p>"""
HOW = (
    "This page opens with the address that twinkle hub prints, which is good once: its token is used, or missing. "
    "Start the hub again for a new one."
)
# By a page of our own, so that the cookie, which other sites' links do not carry, goes with what follows.
INSIDE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Twinkle</title>
<meta http-equiv="refresh" content="0;url=/">"""


class Site:
    """The page of one hub, whose state is in the folder ``state``."""

    def __init__(
        self,
        hub: Hub,
        ticker: Ticker,
        events: Gathering,
        models: dict[str, dict[str, Any]],
        state: Path,
    ):
        self._hub = hub
        self._events = events
        self._started = time.time()
        self._release = release()
        self.access = Access(kept_key(state / "page.key"))
        self.stream = Stream(hub, self._hello)
        self.boards = Boards(state)
        self.api = Api(hub, ticker, events, models, self.boards.has)
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Where it is, without a token."""
        return f"http://{LOOPBACK}:{self.access.port}/"

    def ticket(self) -> str:
        """An address that opens it once."""
        return f"{self.address}?token={self.access.token()}"

    async def start(self, port: int) -> None:
        """Listen; OSError when that cannot be. Port 0 takes any free one."""
        application = web.Application(
            middlewares=[self._guard, refusals],
            client_max_size=MAX_BODY,
            handler_args={"keepalive_timeout": 30.0},
        )
        application.add_routes(
            [
                web.get("/health", self._health),
                web.get("/api/stream", self.stream.serve),
                *self.api.routes(),
                *self.boards.routes(),
                web.get("/{name:.*}", self._file),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, logger=http_log)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        self.access.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go down, with every stream."""
        self.stream.close()
        self.boards.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _hello(self) -> dict[str, Any]:
        return {"version": self._release, "hub": self._hub.host_name, "started": self._started}

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        response = await self._answer(request, handler)
        if not response.prepared:
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-cache")
        return response

    async def _answer(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        access = self.access
        if why := access.foreign(request.method, request.headers):
            return _outside(403, why)
        if request.path == "/" and "token" in request.query:
            return self._enter(request)
        if request.path == "/health":
            return await handler(request)
        cookie, authorization = request.cookies.get(access.cookie_name), request.headers.get("Authorization")
        if not access.opens(cookie, authorization):
            return _outside(401, HOW)
        try:
            return await handler(request)
        except web.HTTPException as refused:
            return web.json_response({"error": {"message": refused.reason}}, status=refused.status)

    def _enter(self, request: web.Request) -> web.Response:
        access = self.access
        known = access.opens(request.cookies.get(access.cookie_name), None)
        if not access.redeem(request.query["token"]) and not known:
            return _outside(401, HOW)
        response = web.Response(text=INSIDE, content_type="text/html", headers={"Cache-Control": "no-store"})
        response.set_cookie(
            access.cookie_name, access.cookie, max_age=30 * 86400, httponly=True, samesite="Strict", path="/"
        )
        return response

    async def _health(self, request: web.Request) -> web.Response:
        """Whether the hub is ready, its version, and what it counts; nothing that is anybody's own."""
        counts = self._hub.statistics()
        return web.json_response(
            {
                "ready": True,
                "version": self._release,
                "started": self._started,
                "devices": counts,
                "eventsLost": self._events.lost,
                "viewers": self.stream.viewers,
                "viewersDropped": self.stream.dropped,
            }
        )

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"] or "index.html"
        place = STATIC
        for part in name.split("/"):
            if not part or part.startswith("."):
                raise web.HTTPNotFound
            place = place / part
        kind = KINDS.get(Path(name).suffix)
        if kind is None or not place.is_file():
            raise web.HTTPNotFound
        return web.Response(body=place.read_bytes(), content_type=kind, charset="utf-8")


def _outside(status: int, why: str) -> web.Response:
    logging.getLogger("twinkle.hub").info("the page refused a request: %s", why)
    return web.Response(text=OUTSIDE.format(why=why), content_type="text/html", status=status)
