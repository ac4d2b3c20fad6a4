"""Queries over devices, modules or jobs: filtering, columns, groups, TOP and pages.

Pages of devices follow the order of device ids, and likewise of all else. Their continuation token holds the
last id of the page, so devices that come or go between pages neither repeat nor
hide others. Groups are made anew for each page and follow the order of their keys;
their token holds how many were shown.
"""

import base64
import binascii
import bisect
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from .. import jsontext
from ..devices.device import Device
from ..devices.devices import Devices
from ..errors import HubError
from ..twins.twin import Section
from .tree import Query, parse_query
from .values import AGGREGATES, UNDEFINED, Lookup, family_of

MAX_PAGE = 1000
DEFAULT_PAGE = 100
TWIN, RAW = "Twin", "Raw"  # x-ms-item-type, where it is not a collection's own

Row = dict[str, Any]
MOST = 1 << 31  # rows; nobody has as many devices, and islice() takes no more than a machine word
Mark = str | int  # where a page ended: a device id, or a count of groups


class Items(Protocol):
    """What is asked: things by id, and their ids in order."""

    order: list[str]

    def find(self, device_id: str) -> Any:
        """The thing of an id."""


@dataclass(frozen=True)
class Collection:
    """What one source holds: how a thing looks as a row, and how an expression reads it.

    ``kind``: the item type of whole rows; ``by_device``: whether an id is a device's.
    """

    items: Items
    view: Callable[[Any], Row]
    looker: Callable[[Any], Lookup]
    kind: str = TWIN
    by_device: bool = False


def twins_of(items: Devices, by_device: bool) -> Collection:
    """Devices or modules, seen as their twins."""
    return Collection(items, Device.twin_view, _looker, TWIN, by_device)


def matches(query: Query, collection: Collection) -> Iterator[Any]:
    """The things that fulfil a query's condition."""
    return _matches(query, collection, None)


def fulfils(query: Query, thing: Any) -> bool:
    """Whether a device or module fulfils a query's condition."""
    return query.condition is None or query.condition.value(_looker(thing)) is True


def run_query(
    text: str,
    collections: Mapping[str, Collection],
    page_size: int | None,
    continuation: str | None,
) -> tuple[list[Row], str | None, str]:
    """One page: its rows, the token of the next page if there is one, and the item type.

    A page has MAX_PAGE rows at the most, however many are asked for.
    """
    size = DEFAULT_PAGE if page_size is None else page_size
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise HubError("ArgumentInvalid", "The page size must be a whole number from 1.")
    size = min(size, MAX_PAGE)
    query = parse_query(text)
    collection = collections[query.source]
    kind = RAW if query.columns else collection.kind
    own = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    after, left = _resume(continuation, own, query)
    rows: list[Row] = []
    last = after
    for mark, row in islice(_rows(query, collection, after), None if left is None else min(left, MOST)):
        if len(rows) == size:
            # One row more than fits: only then is there another page.
            return rows, _token(own, last, None if left is None else left - size), kind
        rows.append(row)
        last = mark
    return rows, None, kind


def _rows(query: Query, collection: Collection, after: Mark | None) -> Iterator[tuple[Mark, Row]]:
    if query.aggregates:
        start = after or 0
        groups = _groups(query, collection.looker, _matches(query, collection, None))
        yield from islice(enumerate(groups, 1), start, None)
        return
    for thing in _matches(query, collection, after):
        yield thing.id, _row(query, collection, thing)


def _matches(query: Query, collection: Collection, after: str | None) -> Iterator[Any]:
    items, condition = collection.items, query.condition
    begin = 0 if after is None else bisect.bisect_right(items.order, after)
    if condition is not None and condition.only_id is not None and collection.by_device:
        at = bisect.bisect_left(items.order, condition.only_id, begin)
        ids = [name for name in items.order[at : at + 1] if name == condition.only_id]
    else:
        ids = items.order[begin:]
    for name in ids:
        thing = items.find(name)
        if condition is None or condition.value(collection.looker(thing)) is True:
            yield thing


def _row(query: Query, collection: Collection, thing: Any) -> Row:
    if not query.columns:
        return collection.view(thing)
    look = collection.looker(thing)
    return _defined((column.name, column.node.value(look)) for column in query.columns)


def _groups(query: Query, looker: Callable[[Any], Lookup], things: Iterable[Any]) -> list[Row]:
    """A row for each value of the path that is grouped by; without GROUP BY one for all."""
    groups: dict[bytes, tuple[Any, list[list[Any]]]] = {}
    if query.group is None:
        groups[b""] = (UNDEFINED, [[] for _ in query.columns])
    for thing in things:
        look = looker(thing)
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
            return walk(device.device_id, rest)
        if first == "tags":
            return walk(device.twin.tags, rest) if device.twin.tags else UNDEFINED
        if first == "properties":
            return _property(device, rest)
        if first == "configurations" and rest:
            return walk(device.configuration_states(), rest)
        return walk(device.root_view(), path)

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
        return walk(section.version, rest[1:])
    if rest[0] == "$metadata":
        return walk(section.metadata, rest[1:])
    return walk(section.values, rest)


def walk(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return UNDEFINED
        value = value[name]
    return value
