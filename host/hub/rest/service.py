"""The service-facing REST endpoint: HTTP around the core.

Routes, statuses and bodies are those that azure-iot-hub 2.7 uses (REST API
version 2021-04-12). Refusals are made by the core; here they get their HTTP form.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ..core import Hub, HubError, MethodResult, run_bulk
from ..core.times import is_version
from ..core.twins.limits import ARRAYS_SINCE
from ..doors.secure import known
from ..faults.rules import Faults
from ..ticker import Ticker
from .absent import ABSENT
from .message_headers import read_headers
from .refusals import fault, identified, refusal
from .routes import OtherMethod, Routes, UnknownResource
from .values import answer, digits, etag_of, fields, makes, quoted_etag_of, read_json, tagged

log = logging.getLogger("twinkle.hub")
# What aiohttp is to log with.
http_log = logging.getLogger("twinkle.hub.http")

MAX_BODY = 512 * 1024  # a method payload may have 128 KiB, a bulk registration more
NESTED = re.compile(r"/methods$|/commands/[^/]+$")  # whose errors hold JSON in their message
UNREADABLE = (HttpProcessingError, web.RequestPayloadError)  # what aiohttp says of bytes that are no HTTP
MAX_SHOWN = 200  # characters of an address in an error


def _no_traceback(record: logging.LogRecord) -> bool:
    """What is no HTTP is the peer's fault, and worth a line."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, UNREADABLE):
        log.info("a request that is no HTTP: %s", " ".join(str(error).split()))
        return False
    return True


http_log.addFilter(_no_traceback)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """What is done at one path with one method, and which permission opens it; None: its handler sees to that.

    ``absent``: what there is not.
    """

    path: str
    permission: str | None
    handler: Handler | None
    absent: str = ""


class Rest:
    """The routes of one hub. ``application`` is what aiohttp serves."""

    def __init__(self, hub: Hub, ticker: Ticker):
        self._hub = hub
        self._ticker = ticker
        self.faults: Faults | None = None  # what it does wrong on purpose
        self.application = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY)
        self.application.on_response_prepare.append(identified)
        self.application.router.add_route("*", "/{path:.*}", self._serve, expect_handler=_expect)
        self._below: dict[str, Handler] = {}
        self._routes: Routes[Route] = Routes()
        routes: list[tuple[str, str, str, Handler]] = [
            ("GET", "/devices", "RegistryRead", self._list_devices),
            ("POST", "/devices", "RegistryWrite", self._bulk),
            ("GET", "/devices/{id}", "RegistryRead", self._get_device),
            ("PUT", "/devices/{id}", "RegistryWrite", self._put_device),
            ("DELETE", "/devices/{id}", "RegistryWrite", self._delete_device),
            ("GET", "/statistics/devices", "RegistryRead", self._device_statistics),
            ("GET", "/statistics/service", "ServiceConnect", self._service_statistics),
            ("POST", "/devices/query", "ServiceConnect", self._query),
            ("GET", "/twins/{id}", "ServiceConnect", self._get_twin),
            ("PATCH", "/twins/{id}", "ServiceConnect", self._patch_twin),
            ("PUT", "/twins/{id}", "ServiceConnect", self._put_twin),
            ("POST", "/twins/{id}/methods", "ServiceConnect", self._invoke),
            ("GET", "/twins/{id}/modules/{module}", "ServiceConnect", self._get_twin),
            ("PATCH", "/twins/{id}/modules/{module}", "ServiceConnect", self._patch_twin),
            ("PUT", "/twins/{id}/modules/{module}", "ServiceConnect", self._put_twin),
            ("POST", "/twins/{id}/modules/{module}/methods", "ServiceConnect", self._invoke),
            ("POST", "/devices/{id}/messages/devicebound", "ServiceConnect", self._send),
            ("DELETE", "/devices/{id}/commands", "ServiceConnect", self._purge),
            ("GET", "/digitaltwins/{id}", "ServiceConnect", self._get_digital_twin),
            ("PATCH", "/digitaltwins/{id}", "ServiceConnect", self._patch_digital_twin),
            ("POST", "/digitaltwins/{id}/commands/{name}", "ServiceConnect", self._command),
            (
                *("POST", "/digitaltwins/{id}/components/{component}/commands/{name}"),
                *("ServiceConnect", self._command),
            ),
        ]
        for method, path, permission, handler in routes:
            self.add(method, path, permission, handler)
        for what, places in ABSENT.items():
            for method, path in map(str.split, places):
                self._routes.add(method, path, Route(path, None, None, what))

    def add(self, method: str, path: str, permission: str | None, handler: Handler) -> None:
        """One more route, open to policies with ``permission``; None: its handler sees to that."""
        self._routes.add(method, path, Route(path, permission, handler))

    def add_upgrade(self, path: str, handler: Handler) -> None:
        """A route on which a client leaves HTTP; it says who it is in the other protocol."""
        self._routes.add("GET", path, Route(path, None, handler))

    def add_below(self, path: str, handler: Handler) -> None:
        """Everything whose address begins with ``path`` (it ends in a slash); its handler sees to permissions."""
        self._below[path] = handler

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        for path, handler in self._below.items():
            if request.rel_url.raw_path.startswith(path):
                return await handler(request)
        route, names = self._routes.find(request.method, request.rel_url.raw_path)
        request.match_info.update(names)
        try:
            return await self._open(route, request)
        except HubError as error:
            return refusal(
                request, error, route.handler is not None and NESTED.search(route.path) is not None
            )

    async def _open(self, route: Route, request: web.Request) -> web.StreamResponse:
        if route.handler is None:
            raise HubError("FeatureNotSupported", f"This hub has no {route.absent}.")
        if route.permission is None:
            return await route.handler(request)
        if not route.path.startswith("/twinkle/"):
            check_version(request)
            device_id = request.match_info.get("id", "")
            if self.faults and (status := self.faults.value("http", device_id)):
                return fault(request, status)
        self._hub.access.authorize(request.headers.get("Authorization"), route.permission)
        known(request.transport)
        return await route.handler(request)

    # --- identities

    async def _list_devices(self, request: web.Request) -> web.Response:
        return answer(self._hub.list_devices(digits(fields(request).get("top", "")) or 1000))

    async def _get_device(self, request: web.Request) -> web.Response:
        return tagged(self._hub.get_device(request.match_info["id"]))

    async def _put_device(self, request: web.Request) -> web.Response:
        device_id, body = request.match_info["id"], await read_json(request)
        if makes(request):
            identity = self._hub.create_device(device_id, body)
        else:
            identity = self._hub.update_device(device_id, body, etag_of(request))
        self._ticker.touch()
        return tagged(identity)

    async def _delete_device(self, request: web.Request) -> web.Response:
        self._hub.delete_device(request.match_info["id"], quoted_etag_of(request))
        self._ticker.touch()
        return web.Response(status=204)

    async def _bulk(self, request: web.Request) -> web.Response:
        result = run_bulk(self._hub, await read_json(request), _arrays(request))
        self._ticker.touch()
        return answer(result, status=200 if result["isSuccessful"] else 400)

    async def _device_statistics(self, request: web.Request) -> web.Response:
        counts = self._hub.statistics()
        del counts["connectedDeviceCount"]
        return answer(counts)

    async def _service_statistics(self, request: web.Request) -> web.Response:
        return answer({"connectedDeviceCount": self._hub.statistics()["connectedDeviceCount"]})

    # --- twins

    async def _get_twin(self, request: web.Request) -> web.Response:
        return answer(self._hub.get_twin(request.match_info["id"], request.match_info.get("module")))

    async def _patch_twin(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        twin = self._hub.patch_twin(*_written(request, body))
        self._ticker.touch()
        return answer(twin)

    async def _put_twin(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        twin = self._hub.replace_twin(*_written(request, body))
        self._ticker.touch()
        return answer(twin)

    async def _get_digital_twin(self, request: web.Request) -> web.Response:
        view, etag = self._hub.get_digital_twin(request.match_info["id"])
        return answer(view, headers={"ETag": f'"{etag}"'})

    async def _patch_digital_twin(self, request: web.Request) -> web.Response:
        operations = await read_json(request)
        etag = self._hub.patch_digital_twin(request.match_info["id"], operations, etag_of(request))
        return web.Response(status=202, headers={"ETag": f'"{etag}"', "Location": request.path})

    async def _query(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            raise HubError("ArgumentInvalid", 'The body must be an object with a "query".')
        size = digits(request.headers.get("x-ms-max-item-count", "100"))
        if not size:
            raise HubError("ArgumentInvalid", "x-ms-max-item-count must be a whole number from 1.")
        rows, continuation, kind = self._hub.query(
            body["query"], size, request.headers.get("x-ms-continuation")
        )
        headers = {"x-ms-item-type": kind}
        if continuation is not None:
            headers["x-ms-continuation"] = continuation
        return answer(rows, headers=headers)

    # --- direct methods

    async def _invoke(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        if not isinstance(body, dict) or not isinstance(body.get("methodName"), str):
            raise HubError("ArgumentInvalid", 'The body must be an object with a "methodName".')
        result = await self._result(
            request,
            body["methodName"],
            body.get("payload"),
            body.get("responseTimeoutInSeconds", 30),
            body.get("connectTimeoutInSeconds", 0),
        )
        return answer({"status": result.status, "payload": result.payload})

    async def _command(self, request: web.Request) -> web.Response:
        component, name = request.match_info.get("component"), request.match_info["name"]
        result = await self._result(
            request,
            f"{component}*{name}" if component else name,
            await read_json(request),
            _seconds(request, "responseTimeoutInSeconds", 30),
            _seconds(request, "connectTimeoutInSeconds", 0),
        )
        headers = {"x-ms-command-statuscode": str(result.status), "x-ms-request-id": str(uuid.uuid4())}
        return answer(result.payload, headers=headers)

    async def _result(self, request: web.Request, *call: Any) -> MethodResult:
        result: asyncio.Future[MethodResult | HubError] = asyncio.get_running_loop().create_future()

        def done(outcome: MethodResult | HubError) -> None:
            # The caller may have gone meanwhile.
            if not result.done():
                result.set_result(outcome)

        self._hub.invoke(
            request.match_info["id"], *call, done=done, module_id=request.match_info.get("module")
        )
        self._ticker.touch()
        outcome = await result
        if isinstance(outcome, HubError):
            raise outcome
        return outcome

    # --- messages to devices

    async def _send(self, request: web.Request) -> web.Response:
        bag, expires = read_headers(request.headers)
        self._hub.send(request.match_info["id"], await request.read(), bag, expires=expires)
        self._ticker.touch()
        return web.Response(status=204)

    async def _purge(self, request: web.Request) -> web.Response:
        device_id = request.match_info["id"]
        purged = self._hub.purge(device_id)
        self._ticker.touch()
        return answer({"totalMessagesPurged": purged, "deviceId": device_id, "moduleId": None})

    # --- refusals

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionError as error:
            # The client is gone; aiohttp takes it for a failure unless it is given an answer, which nobody gets.
            log.debug("%s %s: %s", request.method, request.path[:MAX_SHOWN], error)
            return web.Response()
        except UNREADABLE as error:
            what = " ".join(str(error).split())
            refused = HubError("IotHubFormatError", f"The body cannot be read as its headers say: {what}")
        except web.HTTPRequestEntityTooLarge:
            refused = HubError("MessageTooLarge", f"The body is larger than {MAX_BODY} bytes.")
        except (web.HTTPNotFound, UnknownResource):
            refused = HubError("GenericNotFound", f"IoT Hub has no resource {request.path[:MAX_SHOWN]}.")
        except OtherMethod as other:
            allowed = ", ".join(other.allowed)
            refused = HubError(
                "GenericMethodNotAllowed", f"The resource takes {allowed}, not {request.method}."
            )
            response = refusal(request, refused)
            response.headers["Allow"] = allowed
            return response
        return refusal(request, refused)


async def _expect(request: web.Request) -> None:
    """RFC 9110, section 10.1.1; aiohttp's own puts what came into its answer, whatever bytes those were."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="The only expectation that is met is 100-continue.")
    if request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # as aiohttp's own does: nothing of the answer has been sent


def check_version(request: web.Request) -> None:
    """400001 for a request without an api-version."""
    if not is_version(fields(request).get("api-version", "")):
        raise HubError("InvalidProtocolVersion", "The query needs an api-version, such as 2021-04-12.")


def _arrays(request: web.Request) -> bool:
    """Whether the caller's api-version has arrays in twins."""
    return fields(request)["api-version"] >= ARRAYS_SINCE


def _seconds(request: web.Request, name: str, default: int) -> Any:
    text = fields(request).get(name.lower())
    if text is None:
        return default
    number = digits(text)
    return text if number is None else number


def _written(request: web.Request, body: Any) -> tuple[Any, ...]:
    """What a write of a twin needs, in the order of its arguments."""
    return (
        request.match_info["id"],
        body,
        etag_of(request),
        _arrays(request),
        request.match_info.get("module"),
    )
