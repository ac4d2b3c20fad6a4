"""What devices do over HTTPS: they send, they receive and settle messages, they upload files.

REST reference of IoT Hub (device, 2021-04-12). A device shows its SAS token, or in the TLS handshake its
certificate, by thumbprint or signed by a registered authority (azure-docs, iot-hub "Authenticate identities with
X.509 certificates": HTTPS and file uploads are there for thumbprints, and in preview for authorities).
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from ..core import Certificate, Hub, HubError, Uploads
from ..core.messages.locks import LOCK_S
from ..core.messages.telemetry import MAX_MESSAGE, Message, TooLarge, message_of
from ..core.messages.topics import TopicRefused
from ..core.sessions.admission import Admission
from ..doors.mqtt import Kept
from ..doors.secure import CERTIFICATE, BadCertificate, known
from ..ticker import Ticker
from .message_headers import FROM_DEVICES, body_of, headers_of, read_headers
from .service import Rest, check_version
from .values import digits, json_of, read_json

# A body of this type is an array of messages (azure-iot-sdk-node, device/transport/http, sendEventBatch).
BATCH = "application/vnd.microsoft.iothub.json"

# How long a message is to be locked (azure-iot-sdk-java, HttpsIotHubConnection; azure-iot-cli-extension).
LOCK = "IotHub-MessageLockTimeout"

Handler = Callable[[web.Request, Admission], Awaitable[web.StreamResponse]]


class DeviceRest:
    """Adds the devices' routes to those of services.

    ``kept``: a message is answered once it is kept there; ``host_of(request)``: where the store of blobs is dialled.
    """

    def __init__(
        self,
        hub: Hub,
        uploads: Uploads,
        rest: Rest,
        ticker: Ticker,
        kept: Kept,
        host_of: Callable[[web.Request], str],
    ):
        self._hub = hub
        self._uploads = uploads
        self._rest = rest
        self._ticker = ticker
        self._kept = kept
        self._host_of = host_of
        bound = "/devices/{id}/messages/devicebound"
        self._add("POST", "/devices/{id}/messages/events", self._send)
        self._add("GET", bound, self._receive)
        self._add("DELETE", f"{bound}/{{lock}}", self._complete)
        self._add("POST", f"{bound}/{{lock}}/abandon", self._abandon)
        self._add("POST", "/devices/{id}/files", self._begin)
        self._add("POST", "/devices/{id}/files/notifications", self._finish)
        # npm azure-iot-device has the correlation id in the address.
        self._add("POST", "/devices/{id}/files/notifications/{correlation}", self._finish)

    def _add(self, method: str, path: str, handler: Handler) -> None:
        async def serve(request: web.Request) -> web.StreamResponse:
            check_version(request)
            header = request.headers.get("Authorization")
            certificate = None if header else self._certificate(request)
            admission = self._hub.admit(request.match_info["id"], header, certificate)
            known(request.transport)
            try:
                return await handler(request, admission)
            finally:
                self._ticker.touch()

        self._rest.add(method, path, None, serve)

    def _certificate(self, request: web.Request) -> Certificate | None:
        shown = request.get_extra_info(CERTIFICATE)  # None of a connection that has gone meanwhile
        try:
            return shown and shown(self._hub.authorities.certificates)
        except BadCertificate as error:
            raise HubError("IotHubUnauthorized", f"{error}.") from None

    # --- messages from the device

    async def _send(self, request: web.Request, admission: Admission) -> web.Response:
        body = await request.read()
        if len(body) > MAX_MESSAGE:
            raise HubError("MessageTooLarge", f"The body has {len(body)} bytes, more than {MAX_MESSAGE}.")
        batch = request.content_type == BATCH
        self._hub.take(admission, _batch(body) if batch else [_message(request.headers, body)])
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._kept.after(lambda done: kept.done() or kept.set_result(done))
        if not await kept:
            raise HubError("ServerError", "What was sent could not be kept; make room on the hub's disk.")
        return web.Response(status=204)

    # --- messages to the device

    async def _receive(self, request: web.Request, admission: Admission) -> web.Response:
        asked = request.headers.get(LOCK)
        seconds = LOCK_S if asked is None else digits(asked.strip())
        if seconds is None:
            raise HubError("ArgumentInvalid", f"The header {LOCK} must be a whole number of seconds.")
        received = self._hub.receive(admission, seconds)
        if received is None:
            return web.Response(status=204)
        message, token = received
        return web.Response(body=body_of(message), headers=headers_of(message, token))

    async def _complete(self, request: web.Request, admission: Admission) -> web.Response:
        return self._settle(request, admission, "reject" if "reject" in request.query else "complete")

    async def _abandon(self, request: web.Request, admission: Admission) -> web.Response:
        return self._settle(request, admission, "abandon")

    def _settle(self, request: web.Request, admission: Admission, how: str) -> web.Response:
        self._hub.messages.settle(admission.device, request.match_info["lock"].strip('"'), how)
        return web.Response(status=204)

    # --- files

    async def _begin(self, request: web.Request, admission: Admission) -> web.Response:
        body = await read_json(request)
        return web.json_response(self._uploads.begin(admission.device, body, self._host_of(request)))

    async def _finish(self, request: web.Request, admission: Admission) -> web.Response:
        body, correlation = await read_json(request), request.match_info.get("correlation")
        self._uploads.finish(admission.device, body, self._host_of(request), correlation)
        return web.Response(status=204)


def _message(headers: Mapping[str, str], body: bytes) -> Message:
    """The message of these headers; 413001 when it is too large, 400004 when it is none."""
    try:
        return message_of(read_headers(headers, FROM_DEVICES)[0], body)
    except TooLarge as refused:
        raise HubError("MessageTooLarge", f"{refused}.") from None
    except TopicRefused as refused:
        raise HubError("ArgumentInvalid", f"{refused}.") from None


def _batch(body: bytes) -> list[Message]:
    entries = json_of(body)
    if not isinstance(entries, list) or not entries:
        raise HubError(
            "ArgumentInvalid", "The body must be an array of messages, each an object with a body."
        )
    return [_entry(entry) for entry in entries]


def _entry(entry: object) -> Message:
    wrong = HubError(
        "ArgumentInvalid",
        'Each message is an object: {"body": TEXT, "base64Encoded": false for plain text, "properties": {NAME: TEXT}}.',
    )
    if not isinstance(entry, dict) or not isinstance(entry.get("body"), str):
        raise wrong
    properties = entry.get("properties") or {}
    if not isinstance(properties, dict) or not all(isinstance(value, str) for value in properties.values()):
        raise wrong
    try:
        plain = entry.get("base64Encoded") is False
        data = entry["body"].encode() if plain else base64.b64decode(entry["body"], validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    return _message(properties, data)
