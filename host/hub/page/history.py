"""What the event log holds of a device, read from the end back, without holding up the hub."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from ..amqp.errors import AmqpError
from ..amqp.messages import read_message
from ..core.messages.events import TELEMETRY
from ..core.messages.telemetry import readable_body
from ..events.log import EventLog, partition_of
from .points import moment, numbers

MOST_POINTS = 10_000  # messages that one plot takes
MOST_EVENTS = 200
SCANNED = 20_000  # events of others that are passed over for a small curve
CURVE = 60  # messages in a small curve


@dataclass(frozen=True)
class Kept:
    """One event of the log. ``time``, ``enqueued``: milliseconds since 1970."""

    time: int
    enqueued: int
    source: str
    system: dict[str, Any]
    application: dict[str, Any]
    body: bytes

    @property
    def module(self) -> str | None:
        """The module that it is of, if it is not the device's own."""
        told = self.system.get("iothub-connection-module-id")
        # A connection's state says it among its properties alone; telemetry's are anybody's.
        return told if told or self.source == TELEMETRY else self.application.get("moduleId")

    def points(self) -> dict[str, float]:
        """The numbers of a telemetry message."""
        if self.source != TELEMETRY:
            return {}
        kind, body = readable_body(self.body)
        return numbers(body, self.system.get("dt-subject"), self.module) if kind == "json" else {}

    def shown(self) -> dict[str, Any]:
        """As the stream of events tells it."""
        kind, body = readable_body(self.body)
        return {
            "time": self.time,
            "enqueued": self.enqueued,
            "source": self.source,
            "module": self.module,
            "properties": self.application,
            "bodyType": kind,
            "body": body,
        }


async def telemetry(log: EventLog, device_id: str, since: int) -> dict[str, Any]:
    """``{"points": [[milliseconds, {name: number}], …], "whole"}`` from ``since`` on, the oldest first.

    ``whole`` is False where there was more than one plot takes: the newest are told then.
    """
    points: list[tuple[int, dict[str, float]]] = []
    whole = True
    async for kept in _back(log, device_id, since):
        found = kept.points()
        if found:
            points.append((kept.time, found))
        if len(points) >= MOST_POINTS:
            whole = False
            break
    return {"points": _in_order(points), "whole": whole}


async def curve(log: EventLog, device_id: str) -> list[tuple[int, dict[str, float]]]:
    """The newest numbers of a device, as far as they need not be looked for."""
    points: list[tuple[int, dict[str, float]]] = []
    async for kept in _back(log, device_id, 0, SCANNED):
        found = kept.points()
        if found:
            points.append((kept.time, found))
        if len(points) >= CURVE:
            break
    return _in_order(points)


async def events(log: EventLog, device_id: str) -> list[dict[str, Any]]:
    """The newest events of a device, the oldest first."""
    found: list[dict[str, Any]] = []
    async for kept in _back(log, device_id, 0, SCANNED):
        found.append(kept.shown())
        if len(found) >= MOST_EVENTS:
            break
    return found[::-1]


def _in_order(points: list[tuple[int, dict[str, float]]]) -> list[tuple[int, dict[str, float]]]:
    # What was read from the end back; those of one moment stay as they came.
    points.reverse()
    points.sort(key=lambda point: point[0])
    return points


async def _back(log: EventLog, device_id: str, since: int, most: int | None = None) -> AsyncIterator[Kept]:
    number, mark = partition_of(device_id), device_id.encode()
    before, seen = log.partitions[number].next, 0
    while not log.is_closed and (rows := log.read_back(number, before)):
        for row in rows:
            if row.enqueued < since:
                return
            # Several devices share a partition; only what may be this one's is taken apart.
            if mark in row.event and (kept := _kept(row.message, row.enqueued, device_id)):
                yield kept
        seen += len(rows)
        before = rows[-1].sequence
        if most is not None and seen >= most:
            return
        await asyncio.sleep(0)


def _kept(message: bytes, enqueued: int, device_id: str) -> Kept | None:
    try:
        parts = read_message(message)
    except AmqpError:
        return None
    system = {str(name): value for name, value in parts.annotations.items()}
    if system.get("iothub-connection-device-id") != device_id:
        return None
    source = str(system.get("iothub-message-source", TELEMETRY))
    return Kept(
        moment(system, enqueued), enqueued, source, system, dict(parts.application), parts.data or b""
    )
