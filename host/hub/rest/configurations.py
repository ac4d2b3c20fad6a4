"""The REST routes of configurations, by which the hub manages devices and modules by itself."""

from aiohttp import web

from ..core import Hub, HubError
from ..ticker import Ticker
from .service import Rest
from .values import answer, changes, digits, etag_of, fields, read_json, tagged


class RestConfigurations:
    """``/configurations``."""

    def __init__(self, hub: Hub, rest: Rest, ticker: Ticker):
        self._configurations = hub.configurations
        self._ticker = ticker
        rest.add("GET", "/configurations", "RegistryRead", self._list)
        rest.add("POST", "/configurations/testqueries", "RegistryRead", self._test)
        rest.add("GET", "/configurations/{id}", "RegistryRead", self._get)
        rest.add("PUT", "/configurations/{id}", "RegistryWrite", self._put)
        rest.add("DELETE", "/configurations/{id}", "RegistryWrite", self._delete)

    async def _list(self, request: web.Request) -> web.Response:
        return answer(self._configurations.list(digits(fields(request).get("top", ""))))

    async def _test(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        metrics = body.get("customMetricQueries") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(metrics or {}, dict):
            raise HubError(
                "ArgumentInvalid",
                'The body must be an object with "targetCondition" and/or "customMetricQueries", an object.',
            )
        return answer(self._configurations.test(body.get("targetCondition"), metrics))

    async def _get(self, request: web.Request) -> web.Response:
        return tagged(self._configurations.get(request.match_info["id"]))

    async def _put(self, request: web.Request) -> web.Response:
        name, body = request.match_info["id"], await read_json(request)
        if changes(request):
            configuration = self._configurations.update(name, body, etag_of(request))
        else:
            configuration = self._configurations.create(name, body)
        self._ticker.touch()
        return tagged(configuration)

    async def _delete(self, request: web.Request) -> web.Response:
        self._configurations.delete(request.match_info["id"], etag_of(request))
        self._ticker.touch()
        return web.Response(status=204)
