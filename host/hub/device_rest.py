"""What devices do over HTTPS: file uploads.

REST reference of IoT Hub (device, 2021-04-12). A device shows its SAS token; a certificate it shows to the
MQTT endpoint only.
"""

from typing import Any

from aiohttp import web

from .core import Hub, Uploads
from .core.sessions.admission import Admission
from .rest import Rest, check_version, read_json
from .ticker import Ticker


class DeviceRest:
    """Adds the devices' routes to those of services. ``host_of(request)``: where the store of blobs is dialled."""

    def __init__(self, hub: Hub, uploads: Uploads, rest: Rest, ticker: Ticker, host_of: Any):
        self._hub = hub
        self._uploads = uploads
        self._rest = rest
        self._ticker = ticker
        self._host_of = host_of
        self._add("POST", "/devices/{id}/files", self._begin)
        self._add("POST", "/devices/{id}/files/notifications", self._finish)
        # npm azure-iot-device has the correlation id in the address.
        self._add("POST", "/devices/{id}/files/notifications/{correlation}", self._finish)

    def _add(self, method: str, path: str, handler: Any) -> None:
        async def serve(request: web.Request) -> web.StreamResponse:
            check_version(request)
            admission = self._hub.admit(request.match_info["id"], request.headers.get("Authorization"))
            try:
                return await handler(request, admission)
            finally:
                self._ticker.touch()

        self._rest.add(method, path, None, serve)

    async def _begin(self, request: web.Request, admission: Admission) -> web.Response:
        body = await read_json(request)
        return web.json_response(self._uploads.begin(admission.device, body, self._host_of(request)))

    async def _finish(self, request: web.Request, admission: Admission) -> web.Response:
        body, correlation = await read_json(request), request.match_info.get("correlation")
        self._uploads.finish(admission.device, body, self._host_of(request), correlation)
        return web.Response(status=204)
