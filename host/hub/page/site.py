"""The page's server: its files, its API and its stream, on a port of loopback that only its user gets into."""

import logging
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from ..core import HubError
from ..names import LOOPBACK
from ..rest.routes import OtherMethod, UnknownResource
from ..rest.service import MAX_BODY, http_log
from .access import Access, kept_key
from .content import Content, Running

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
    "The command twinkle page prints a new one."
)
# By a page of our own, so that the cookie, which other sites' links do not carry, goes with what follows.
INSIDE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Twinkle</title>
<meta http-equiv="refresh" content="0;url=/">"""


class Site:
    """The page of the hub in the folder ``state``. It stays where it is while the hub is reset."""

    def __init__(self, models: dict[str, dict[str, Any]], state: Path):
        self._models = models
        self._state = state
        self.access = Access(kept_key(state / "page.key"))
        self.content: Content | None = None
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
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=1.0,
            logger=http_log,
            handler_cancellation=True,  # a browser that goes is known at once to look no more
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.access.port = self._runner.addresses[0][1]

    def show(self, running: Running) -> None:
        """Tell of this hub from now on."""
        self.content = Content(running, self._models, self._state, self.ticket)

    def hide(self) -> None:
        """Tell of no hub, and end what is being told."""
        if self.content is not None:
            self.content.close()
            self.content = None

    async def stop(self) -> None:
        """Go down."""
        self.hide()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            response = await self._answer(request)
        except HubError as error:
            told = {"status": error.status, "code": error.code, "name": error.name, "message": error.message}
            response = web.json_response({"error": told}, status=error.status)
        except web.HTTPException as refused:
            response = web.json_response({"error": {"message": refused.reason}}, status=refused.status)
        if not response.prepared:
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-cache")
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        access = self.access
        if why := access.foreign(request.method, request.headers):
            return _outside(403, why)
        if request.path == "/" and "token" in request.query:
            return self._enter(request)
        cookie, authorization = request.cookies.get(access.cookie_name), request.headers.get("Authorization")
        if request.path != "/health" and not access.opens(cookie, authorization):
            return _outside(401, HOW)
        if self.content is None:
            raise HubError("ServiceUnavailable", "The hub is being reset.")
        try:
            handler, names = self.content.routes.find(request.method, request.rel_url.raw_path)
        except OtherMethod as other:
            raise web.HTTPMethodNotAllowed(request.method, other.allowed) from None
        except UnknownResource:
            return await self._file(request)
        request.match_info.update(names)
        return await handler(request)

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

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["path"] or "index.html"
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
