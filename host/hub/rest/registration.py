"""Devices at the provisioning service over HTTPS.

REST reference of the Device Provisioning Service (device, 2021-10-01), "Runtime Registration", and "How to use
symmetric keys over HTTPS without an SDK", from which the headers are. A device shows its SAS token in the header, or
in the TLS handshake its certificate. What it is answered is the core's, as over MQTT.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from ..core import Certificate, HubError, Provisioning
from ..core.provisioning.proofs import Proof
from ..core.provisioning.provisioning import Answer
from ..core.provisioning.tables import check_id
from ..doors.secure import CERTIFICATE, BadCertificate, known
from ..ticker import Ticker
from .service import Rest, check_version

log = logging.getLogger("twinkle.hub")

Handler = Callable[[web.Request, Proof], Awaitable[Answer]]


class RegistrationRest:
    """Adds the routes of ``{idScope}/registrations``, after all others: what else they could mean is meant."""

    def __init__(self, service: Provisioning, rest: Rest, ticker: Ticker):
        self._service = service
        self._rest = rest
        self._ticker = ticker
        one = "/{scope}/registrations/{id}"
        self._add("PUT", f"{one}/register", self._register)
        self._add("GET", f"{one}/operations/{{operation}}", self._status)
        self._add("POST", one, self._lookup)

    def _add(self, method: str, path: str, handler: Handler) -> None:
        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                answer = await self._answer(request, handler)
            except HubError as error:
                answer = self._service.refusal(error.status, error.code, error.message, known=False)
            finally:
                self._ticker.touch()
            return _response(request, answer)

        self._rest.add(method, path, None, serve)

    async def _answer(self, request: web.Request, handler: Handler) -> Answer:
        check_version(request)
        if request.match_info["scope"].lower() != self._service.scope.lower():
            raise HubError(
                "IotHubUnauthorizedAccess",
                f"The id scope is not {self._service.scope}, this service's; check it on the device.",
            )
        name = check_id(request.match_info["id"])
        token = request.headers.get("Authorization")
        return await handler(request, Proof(name, token, None if token else self._certificate(request)))

    def _certificate(self, request: web.Request) -> Certificate | None:
        shown = request.get_extra_info(CERTIFICATE)  # None of a connection that has gone meanwhile
        try:
            return shown and shown(self._service.enrolments.signers())
        except BadCertificate as error:
            raise HubError("IotHubUnauthorizedAccess", f"{error}.") from None

    async def _register(self, request: web.Request, proof: Proof) -> Answer:
        return self._service.register(proof, await request.read())

    async def _status(self, request: web.Request, proof: Proof) -> Answer:
        return self._service.status(proof, request.match_info["operation"])

    async def _lookup(self, request: web.Request, proof: Proof) -> Answer:
        return self._service.lookup(proof)


def _response(request: web.Request, answer: Answer) -> web.Response:
    if answer.known:
        known(request.transport)
    headers = {"x-ms-request-id": str(uuid.uuid4())}
    if answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
        headers["Location"] = str(request.url.with_query(None))
    if answer.status >= 400:
        log.info(
            "%s %s: %d %s", request.method, request.path, answer.body["errorCode"], answer.body["message"]
        )
    return web.json_response(answer.body, status=answer.status, headers=headers)
