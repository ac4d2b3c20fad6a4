"""What a request to the REST endpoint says, and an answer in JSON."""

import re
from typing import Any

from aiohttp import web

from ..core import HubError, jsontext


async def read_json(request: web.Request) -> Any:
    """A request's body; see ``json_of``."""
    return json_of(await request.read())


def json_of(body: bytes) -> Any:
    """The value of a body; 400006 when it is not JSON that can be written again, as UTF-8."""
    try:
        value = jsontext.decode(body)
        jsontext.encode(value)
    except ValueError as error:
        raise HubError("IotHubFormatError", f"The body is not JSON: {error}.") from None
    return value


def fields(request: web.Request) -> dict[str, str]:
    """The fields of the query, by their names in lower case."""
    return {name.lower(): value for name, value in request.query.items()}


def digits(text: str) -> int | None:
    """A whole number of at most nine digits, or None."""
    # isdigit() alone takes superscripts, and int() refuses thousands of digits.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def makes(request: web.Request) -> bool:
    """Whether a PUT is to make what is not there yet: its If-Match is missing, or names no etag.

    As recorded from Azure in azure-sdk-for-net, sdk/iot/Azure.Iot.Hub.Service/tests/SessionRecords.
    """
    return request.headers.get("If-Match", "").strip() in ("", '""')


def etag_of(request: web.Request) -> str | None:
    """The etag that a request asks to be there still; None for any."""
    # azure-iot-hub quotes etags, the star included; some clients do not.
    text = request.headers.get("If-Match", "*").strip().strip('"')
    return None if text == "*" else text


def quoted_etag_of(request: web.Request) -> str | None:
    """The same for the removal of identities, where IoT Hub refuses one without quotes.

    azure-iot-sdk-java, issue 292: 412, "Precondition failed: Invalid ETag".
    """
    text = request.headers.get("If-Match", "*").strip()
    if text != "*" and not re.fullmatch('".*"', text):
        raise HubError(
            "PreconditionFailed", "Precondition failed: Invalid ETag. The header If-Match has it in quotes."
        )
    return etag_of(request)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON."""
    return web.json_response(body, status=status, headers=headers)


def tagged(body: dict[str, Any]) -> web.Response:
    """JSON, with its etag in a header too, as devices and configurations have it (twins and modules have not)."""
    return answer(body, headers={"ETag": f'"{body["etag"]}"'})
