"""Queries over devices: filtering, TOP and pages.

Pages follow the order of device ids. A continuation token holds the last id of
the page, so devices that come or go between pages neither repeat nor hide others.
"""

import base64
import binascii
import bisect
import zlib
from typing import Any

from . import jsontext
from .device import Device
from .devices import Devices
from .errors import HubError
from .query_tree import Query, parse_query
from .query_values import UNDEFINED, Lookup
from .twin import Section

MAX_PAGE = 1000
DEFAULT_PAGE = 100
ITEM_TYPE = "Twin"


def run_query(
    text: str,
    devices: Devices,
    page_size: int | None,
    continuation: str | None,
) -> tuple[list[dict[str, Any]], str | None, str]:
    """One page: rows (full twins), the token of the next page if there is one, and the item type."""
    size = DEFAULT_PAGE if page_size is None else page_size
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_PAGE:
        raise HubError("ArgumentInvalid", f"The page size must be within [1; {MAX_PAGE}].")
    query = parse_query(text)
    mark = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    after, left = _resume(continuation, mark, query)
    rows: list[dict[str, Any]] = []
    for device_id in _candidates(query, devices, after):
        device = devices.find(device_id)
        if query.condition is not None and query.condition(_looker(device)) is not True:
            continue
        if left == 0:
            break
        if len(rows) == size:
            # One match more than fits: only then is there another page.
            return rows, _token(mark, rows[-1]["deviceId"], left), ITEM_TYPE
        rows.append(device.twin_view())
        left = None if left is None else left - 1
    return rows, None, ITEM_TYPE


def _candidates(query: Query, devices: Devices, after: str | None) -> list[str]:
    known = query.only_id
    if known is not None:
        return [known] if known in devices and (after is None or known > after) else []
    return devices.order[0 if after is None else bisect.bisect_right(devices.order, after) :]


def _resume(continuation: str | None, mark: int, query: Query) -> tuple[str | None, int | None]:
    if not continuation:
        return None, query.top
    try:
        parts = jsontext.decode(base64.urlsafe_b64decode(continuation.encode("ascii")))
        token_mark, after, left = parts
        if token_mark != mark or not isinstance(after, str) or not (left is None or isinstance(left, int)):
            raise ValueError(continuation)
    except (binascii.Error, ValueError, TypeError):
        raise HubError(
            "ArgumentInvalid",
            "The continuation token is not one of this query; send the token of the page before with the same query.",
        ) from None
    return after, left


def _token(mark: int, after: str, left: int | None) -> str:
    return base64.urlsafe_b64encode(jsontext.encode([mark, after, left])).decode("ascii")


def _looker(device: Device) -> Lookup:
    """How a condition reads this device, without building its whole twin."""

    def look(path: tuple[str, ...]) -> Any:
        first, rest = path[0], path[1:]
        if first == "deviceId":
            return _walk(device.id, rest)
        if first == "tags":
            return UNDEFINED if device.twin.tags is None else _walk(device.twin.tags, rest)
        if first == "properties":
            return _property(device, rest)
        return _walk(device.root_view(), path)

    return look


def _property(device: Device, path: tuple[str, ...]) -> Any:
    sections: dict[str, Section] = {"desired": device.twin.desired, "reported": device.twin.reported}
    section = sections.get(path[0]) if path else None
    if section is None:
        return UNDEFINED if path else {}
    rest = path[1:]
    if rest[:1] == ("$version",):
        return _walk(section.version, rest[1:])
    if rest[:1] == ("$metadata",):
        return _walk(section.metadata, rest[1:])
    return _walk(section.values, rest)


def _walk(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return UNDEFINED
        value = value[name]
    return value
