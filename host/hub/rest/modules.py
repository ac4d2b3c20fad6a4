"""The REST routes of modules' identities."""

from aiohttp import web

from ..core import Hub
from ..ticker import Ticker
from .service import Rest
from .values import answer, changes, etag_of, read_json

MODULE = "/devices/{id}/modules/{module}"


class RestModules:
    """``/devices/{id}/modules``. A module's twin and methods are served as a device's are."""

    def __init__(self, hub: Hub, rest: Rest, ticker: Ticker):
        self._hub = hub
        self._ticker = ticker
        rest.add("GET", "/devices/{id}/modules", "RegistryRead", self._list)
        rest.add("GET", MODULE, "RegistryRead", self._get)
        rest.add("PUT", MODULE, "RegistryWrite", self._put)
        rest.add("DELETE", MODULE, "RegistryWrite", self._delete)

    async def _list(self, request: web.Request) -> web.Response:
        return answer(self._hub.list_modules(request.match_info["id"]))

    async def _get(self, request: web.Request) -> web.Response:
        return answer(self._hub.get_device(*_names(request)))

    async def _put(self, request: web.Request) -> web.Response:
        (device_id, module_id), body = _names(request), await read_json(request)
        if changes(request):
            identity = self._hub.update_device(device_id, body, etag_of(request), module_id=module_id)
        else:
            identity = self._hub.create_device(device_id, body, module_id=module_id)
        self._ticker.touch()
        return answer(identity)

    async def _delete(self, request: web.Request) -> web.Response:
        device_id, module_id = _names(request)
        self._hub.delete_device(device_id, etag_of(request), module_id)
        self._ticker.touch()
        return web.Response(status=204)


def _names(request: web.Request) -> tuple[str, str]:
    return request.match_info["id"], request.match_info["module"]
