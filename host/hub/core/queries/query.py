"""Queries over devices: filtering, columns, groups, TOP and pages.

Pages of devices follow the order of device ids. Their continuation token holds the
last id of the page, so devices that come or go between pages neither repeat nor
hide others. Groups are made anew for each page and follow the order of their keys;
their token holds how many were shown.
"""

import base64
import binascii
import bisect
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .. import jsontext
from ..devices.device import Device
from ..devices.devices import Devices
from ..errors import HubError
from ..twins.twin import Section
from .tree import Query, parse_query
from .values import AGGREGATES, UNDEFINED, Lookup, family_of

MAX_PAGE = 1000
DEFAULT_PAGE = 100
TWIN, RAW = "Twin", "Raw"  # x-ms-item-type

Row = dict[str, Any]
MOST = 1 << 31  # rows; nobody has as many devices, and islice() takes no more than a machine word
Mark = str | int  # where a page ended: a device id, or a count of groups


def run_query(
    text: str,
    devices: Devices,
    page_size: int | None,
    continuation: str | None,
) -> tuple[list[Row], str | None, str]:
    """One page: its rows, the token of the next page if there is one, and the item type."""
    size = DEFAULT_PAGE if page_size is None else page_size
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_PAGE:
        raise HubError("ArgumentInvalid", f"The page size must be within [1; {MAX_PAGE}].")
    query = parse_query(text)
    kind = RAW if query.columns else TWIN
    own = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    after, left = _resume(continuation, own, query)
    rows: list[Row] = []
    last = after
    for mark, row in islice(_rows(query, devices, after), None if left is None else min(left, MOST)):
        if len(rows) == size:
            # One row more than fits: only then is there another page.
            return rows, _token(own, last, None if left is None else left - size), kind
        rows.append(row)
        last = mark
    return rows, None, kind


def _rows(query: Query, devices: Devices, after: Mark | None) -> Iterator[tuple[Mark, Row]]:
    if query.aggregates:
        start = after or 0
        groups = _groups(query, _matches(query, devices, None))
        yield from islice(enumerate(groups, 1), start, None)
        return
    for device in _matches(query, devices, after):
        yield device.id, _row(query, device)


def _matches(query: Query, devices: Devices, after: str | None) -> Iterator[Device]:
    condition = query.condition
    known = None if condition is None else condition.only_id
    if known is not None:
        ids = [known] if known in devices and (after is None or known > after) else []
    else:
        ids = devices.order[0 if after is None else bisect.bisect_right(devices.order, after) :]
    for device_id in ids:
        device = devices.find(device_id)
        if condition is None or condition.value(_looker(device)) is True:
            yield device


def _row(query: Query, device: Device) -> Row:
    if not query.columns:
        return device.twin_view()
    look = _looker(device)
    return _defined((column.name, column.node.value(look)) for column in query.columns)


def _groups(query: Query, matches: Iterable[Device]) -> list[Row]:
    """A row for each value of the path that is grouped by; without GROUP BY one for all."""
    groups: dict[bytes, tuple[Any, list[list[Any]]]] = {}
    if query.group is None:
        groups[b""] = (UNDEFINED, [[] for _ in query.columns])
    for device in matches:
        look = _looker(device)
        key = UNDEFINED if query.group is None else query.group.value(look)
        name = b"" if key is UNDEFINED else jsontext.encode(key)
        _, gathered = groups.setdefault(name, (key, [[] for _ in query.columns]))
        for column, values in zip(query.columns, gathered, strict=True):
            if column.aggregate:
                value = None if column.node is None else column.node.value(look)
                counted = column.aggregate == "count" and value is not UNDEFINED
                if counted or family_of(value) == "number":
                    values.append(value)
    return [
        _defined(
            (column.name, AGGREGATES[column.aggregate](values) if column.aggregate else key)
            for column, values in zip(query.columns, gathered, strict=True)
        )
        for _, (key, gathered) in sorted(groups.items(), key=lambda item: item[0])
    ]


def _defined(members: Iterable[tuple[str, Any]]) -> Row:
    return {name: jsontext.copy(value) for name, value in members if value is not UNDEFINED}


def _resume(continuation: str | None, own: int, query: Query) -> tuple[Any, int | None]:
    if not continuation:
        return None, query.top
    kind = int if query.aggregates else str
    try:
        parts = jsontext.decode(base64.urlsafe_b64decode(continuation.encode("ascii")))
        token_own, after, left = parts
        if token_own != own or type(after) is not kind or not (left is None or type(left) is int):
            raise ValueError(continuation)
        if (kind is int and after < 0) or (left is not None and left < 0):
            raise ValueError(continuation)
    except (binascii.Error, ValueError, TypeError):
        raise HubError(
            "ArgumentInvalid",
            "The continuation token is not one of this query; send the token of the page before with the same query.",
        ) from None
    return after, left


def _token(own: int, after: Mark, left: int | None) -> str:
    return base64.urlsafe_b64encode(jsontext.encode([own, after, left])).decode("ascii")


def _looker(device: Device) -> Lookup:
    """How an expression reads this device, without building its whole twin."""

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
    if not path:
        return {name: section.view() for name, section in sections.items()}
    section = sections.get(path[0])
    if section is None:
        return UNDEFINED
    rest = path[1:]
    if not rest:
        return section.view()
    if rest[0] == "$version":
        return _walk(section.version, rest[1:])
    if rest[0] == "$metadata":
        return _walk(section.metadata, rest[1:])
    return _walk(section.values, rest)


def _walk(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return UNDEFINED
        value = value[name]
    return value
