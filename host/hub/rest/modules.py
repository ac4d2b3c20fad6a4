"""The REST routes of modules' identities."""

from aiohttp import web

from ..core import Hub
from ..ticker import Ticker
from .service import Rest
from .values import answer, etag_of, read_json

MODULE = "/devices/{id}/modules/{module}"


class RestModules:
    """``/devices/{id}/modules``. A module's twin and methods are served as a device's are."""

    def __init__(self, hub: Hub, rest: Rest, ticker: Ticker):
        self._modules = hub.module_identities
        self._ticker = ticker
        rest.add("GET", "/devices/{id}/modules", "RegistryRead", self._list)
        rest.add("GET", MODULE, "RegistryRead", self._get)
        rest.add("PUT", MODULE, "RegistryWrite", self._put)
        rest.add("DELETE", MODULE, "RegistryWrite", self._delete)

    async def _list(self, request: web.Request) -> web.Response:
        return answer(self._modules.list(request.match_info["id"]))

    async def _get(self, request: web.Request) -> web.Response:
        return answer(self._modules.get(*_names(request)))

    async def _put(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        if "If-Match" in request.headers:
            identity = self._modules.update(*_names(request), body, etag_of(request))
        else:
            identity = self._modules.create(*_names(request), body)
        self._ticker.touch()
        return answer(identity)

    async def _delete(self, request: web.Request) -> web.Response:
        self._modules.delete(*_names(request), etag_of(request))
        self._ticker.touch()
        return web.Response(status=204)


def _names(request: web.Request) -> tuple[str, str]:
    return request.match_info["id"], request.match_info["module"]
