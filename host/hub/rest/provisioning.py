"""The provisioning service's own HTTPS interface, beside the hub's at the same address.

Paths, bodies and statuses are those of the Device Provisioning Service's REST reference (service, 2021-10-01),
as azure-iot-deviceprovisioning and npm azure-iot-provisioning-service use them. A refusal has the shape of
the model ProvisioningServiceErrorDetails.
"""

import functools
import logging
from typing import Any

from aiohttp import web

from ..core import ENROLLMENT_READ, ENROLLMENT_WRITE, STATUS_READ, STATUS_WRITE, HubError, Provisioning
from ..core.provisioning.attestation import KEY
from ..core.provisioning.enrolments import registration_view
from ..core.provisioning.tables import GROUP, INDIVIDUAL, Kind
from ..core.times import iso
from ..doors.secure import known
from ..ticker import Ticker
from .service import Handler, Rest, check_version
from .values import digits, etag_of, fields, read_json

log = logging.getLogger("twinkle.hub")

# The first api-version whose clients ask for keys by attestationmechanism. Those of 2018-09-01-preview read them from
# what create_or_update answers: azure-iot-sdk-python, tests/e2e/provisioning_e2e.
KEYS_APART_SINCE = "2019-03-31"

Answer = web.Response


class ProvisioningRest:
    """Adds the service's routes to those of the hub."""

    def __init__(self, service: Provisioning, rest: Rest, ticker: Ticker):
        self._service = service
        self._enrolments = service.enrolments
        self._ticker = ticker
        self._rest = rest
        for kind in (INDIVIDUAL, GROUP):
            one, all_ = f"/{kind.path}/{{id}}", f"/{kind.path}"
            for method, path, permission, handler in (
                ("GET", one, ENROLLMENT_READ, self._get),
                ("PUT", one, ENROLLMENT_WRITE, self._put),
                ("DELETE", one, ENROLLMENT_WRITE, self._delete),
                ("POST", f"{one}/attestationmechanism", ENROLLMENT_WRITE, self._attestation),
                ("POST", all_, ENROLLMENT_WRITE, self._bulk),
                ("POST", f"{all_}/query", ENROLLMENT_READ, self._query),
            ):
                self._add(method, path, permission, functools.partial(handler, kind))
        self._add("GET", "/registrations/{id}", STATUS_READ, self._registration)
        self._add("DELETE", "/registrations/{id}", STATUS_WRITE, self._forget)
        self._add("POST", "/registrations/{id}/query", STATUS_READ, self._registrations)

    def _add(self, method: str, path: str, permission: str, handler: Handler) -> None:
        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                check_version(request)
                self._service.access.authorize(request.headers.get("Authorization"), permission)
                known(request.transport)
                return await handler(request)
            except HubError as error:
                return self._refusal(request, error)
            finally:
                self._ticker.touch()

        self._rest.add(method, path, None, serve)

    # --- enrolments of either kind

    async def _get(self, kind: Kind, request: web.Request) -> Answer:
        return self._shown(kind, request, self._enrolments.get(kind, request.match_info["id"]))

    async def _put(self, kind: Kind, request: web.Request) -> Answer:
        body = await read_json(request)
        made = self._enrolments.put(kind, request.match_info["id"], body, _asked_for(request))
        return self._shown(kind, request, made)

    def _shown(self, kind: Kind, request: web.Request, enrolment: dict[str, Any]) -> Answer:
        """An enrolment; with its keys for an api-version that has no operation to ask for them."""
        if fields(request)["api-version"] < KEYS_APART_SINCE:
            keyed = self._enrolments.attestation(kind, request.match_info["id"])
            if keyed["type"] == KEY:
                enrolment = {**enrolment, "attestation": keyed}
        return web.json_response(enrolment)

    async def _delete(self, kind: Kind, request: web.Request) -> Answer:
        self._enrolments.delete(kind, request.match_info["id"], etag_of(request))
        return Answer(status=204)

    async def _attestation(self, kind: Kind, request: web.Request) -> Answer:
        return web.json_response(self._enrolments.attestation(kind, request.match_info["id"]))

    async def _bulk(self, kind: Kind, request: web.Request) -> Answer:
        return web.json_response(self._enrolments.bulk(kind, await read_json(request)))

    async def _query(self, kind: Kind, request: web.Request) -> Answer:
        body = await read_json(request)
        text = body.get("query") if isinstance(body, dict) else None
        return _page(kind.path.removesuffix("s"), *self._enrolments.query(kind, text, *_place(request)))

    # --- registrations

    async def _registration(self, request: web.Request) -> Answer:
        return web.json_response(
            registration_view(self._enrolments.registrations.find(request.match_info["id"]))
        )

    async def _forget(self, request: web.Request) -> Answer:
        name = request.match_info["id"]
        self._enrolments.registrations.find(name, etag_of(request))
        self._enrolments.registrations.remove(name)
        return Answer(status=204)

    async def _registrations(self, request: web.Request) -> Answer:
        rows, more = self._enrolments.query_registrations(request.match_info["id"], *_place(request))
        return _page("deviceRegistration", rows, more)

    def _refusal(self, request: web.Request, error: HubError) -> Answer:
        log.info("%s %s: %s", request.method, request.path, error)
        hub = self._service.hub
        body = {
            "errorCode": error.code,
            "trackingId": hub.tracking_id(),
            "message": error.message,
            "timestampUtc": iso(hub.clock.utc()),
        }
        return web.json_response(body, status=error.status)


def _asked_for(request: web.Request) -> str | None:
    """The etag to change; None where one is to be made. A star changes whatever is there."""
    return (etag_of(request) or "*") if "If-Match" in request.headers else None


def _place(request: web.Request) -> tuple[int | None, str | None]:
    text = request.headers.get("x-ms-max-item-count")
    return (None if text is None else digits(text) or 0), request.headers.get("x-ms-continuation")


# The item types are those of azure-iot-sdk-csharp, QueryResultType.
def _page(kind: str, rows: list[dict[str, Any]], more: str | None) -> Answer:
    headers = {"x-ms-item-type": kind} | ({"x-ms-continuation": more} if more else {})
    return web.json_response(rows, headers=headers)
