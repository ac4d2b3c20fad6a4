"""``monitor``: what happens on a hub, as lines or as a table that stays in place.

Read by azure-eventhub from the built-in endpoint, the local hub's or Azure's. The local hub adds its
diagnostics: why a connection was refused or closed, and what was refused on a live one.
"""

import collections
import itertools
import json
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from ..failure import note
from ..screen import Words, plain
from .hub import EVENTS_VARIABLE, Hub
from .reading import DIAGNOSTICS, Event, events
from .verbs import example, on_hub

SOURCES = {
    "telemetry": "Telemetry",
    "twin": "twinChangeEvents",
    "digital-twin": "digitalTwinChangeEvents",
    "connection": "deviceConnectionStateEvents",
    "lifecycle": "deviceLifecycleEvents",
    "diagnostics": DIAGNOSTICS,
}
ALWAYS = ("telemetry", "diagnostics")  # for all else a hub has to have a route
# opType -> the word for it.
WORDS = {
    "deviceConnected": "connected",
    "deviceDisconnected": "disconnected",
    "createDeviceIdentity": "created",
    "deleteDeviceIdentity": "deleted",
    "updateTwin": "updated",
    "replaceTwin": "replaced",
}
WITHOUT_BODY = ("connected", "disconnected", "created", "deleted")  # which say it all
COLOURS = ("cyan", "green", "yellow", "blue", "magenta", "bright_cyan", "bright_green", "bright_magenta")
RATE_S = 60  # a rate is counted over so many seconds, or since the first message
SINCE = re.compile(r"(\d{1,9})(s|m|h|d)")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Since(click.ParamType):
    """``now``, ``beginning``, or how long ago: ``10m``."""

    name = "when"

    def convert(self, value: Any, param: Any, context: Any) -> Any:
        if value in ("now", "beginning"):
            return value
        match = SINCE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is none of now, beginning, 30s, 10m, 2h, 1d", param, context)
        return datetime.now(UTC) - timedelta(seconds=min(int(match[1]) * UNITS[match[2]], 10**9))


@click.command(epilog=example("twinkle monitor --device kitchen --only telemetry --since 10m --table"))
@on_hub
@click.option(
    "--events",
    "events_string",
    metavar="TEXT",
    help=f"Connection string of Azure's built-in endpoint; also from {EVENTS_VARIABLE}.",
)
@click.option("--group", default="$Default", show_default=True, help="Consumer group.")
@click.option("--since", type=Since(), default="now", show_default=True, help="now, beginning, or 10m ago.")
@click.option("--device", metavar="DEVICE", help="Only this device.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(SOURCES)), help="Only these events; repeatable."
)
@click.option("--contains", metavar="TEXT", help="Only events with this text in their body.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.option("--seconds", type=click.FloatRange(0), help="End after so many seconds.")
@click.option("--table", is_flag=True, help="A row for each device, kept up to date.")
def monitor(
    hub: Hub, say, events_string, group, since, device, only, contains, count, seconds, table
) -> None:
    """Show telemetry and events as they reach a hub, the local one or Azure's.

    Azure's events are read with the connection string of its built-in endpoint. On the
    local hub there are diagnostics, too. Ctrl-C ends it, with 0.
    """
    if not group:
        raise click.UsageError("--group is empty; leave it out for $Default")
    if events_string:
        hub = replace(hub, events_string=events_string)
    elif hub.routes is not None:
        _tell_unrouted(hub.routes, only)
    stream = events(
        hub,
        group,
        since if isinstance(since, datetime) else None,
        beginning=since == "beginning",
        seconds=seconds,
        ours=not only or "diagnostics" in only,
        theirs=not only or set(only) != {"diagnostics"},
        ticks=table,
    )
    wanted = first(chosen(stream, only, contains, device), count)
    try:
        if table:
            show_table(wanted, hub.host)
            return
        for event in wanted:
            say(event, line(event))
    except KeyboardInterrupt:
        return


def _tell_unrouted(routes: Iterable[str], only: Iterable[str]) -> None:
    for name in only:
        if name not in ALWAYS and SOURCES[name] not in routes:
            note(
                f"no {name} events come from this hub; start it with --route {SOURCES[name]}, or --route all"
            )


def chosen(
    stream: Iterable[Event | None], only: Iterable[str], contains: str | None, device: str | None = None
) -> Iterator[Event | None]:
    """The events of these kinds, with this text, of this device; a None is passed on, and what is of no device."""
    sources = {SOURCES[name] for name in only}
    for event in stream:
        if event is not None:
            if sources and event["source"] not in sources:
                continue
            of_one = "deviceId" in event  # else it is about all: that some were dropped
            if of_one and device and event["deviceId"] != device:
                continue
            if of_one and contains and contains not in json.dumps(event.get("body"), ensure_ascii=False):
                continue
        yield event


def first(stream: Iterable[Event | None], count: int | None) -> Iterator[Event | None]:
    """The stream until so many events have come; None for all of them."""
    left = itertools.count() if count is None else iter(range(count - 1, -1, -1))
    for event in stream:
        yield event
        if event is not None and next(left) == 0 and count is not None:
            return


def news(event: Event) -> tuple[str, str]:
    """What happened, in a word, and what more there is to say."""
    body = json.dumps(event.get("body"), ensure_ascii=False)
    source = event["source"]
    if source == DIAGNOSTICS:
        said = event.get("body")
        return "diagnosis", str(said["reason"]) if isinstance(said, dict) and "reason" in said else body
    if source == SOURCES["telemetry"]:
        return "telemetry", body
    operation = (event.get("applicationProperties") or {}).get("opType", "")
    word = WORDS.get(operation, operation or source)
    if source == SOURCES["digital-twin"]:
        word += " (digital twin)"
    return word, "" if word in WITHOUT_BODY else body


def local_time(text: Any, today: date | None = None) -> str:
    """A moment as this computer's clock shows it, with its zone, and its date unless it is today's; empty for none."""
    try:
        moment = datetime.fromisoformat(str(text)).astimezone()
    except ValueError:
        return ""
    is_today = moment.date() == (today or datetime.now().date())
    return moment.strftime("%H:%M:%S %Z" if is_today else "%Y-%m-%d %H:%M:%S %Z")


def colour_of(device: str) -> str:
    """A device's own colour, the same in every run."""
    return COLOURS[zlib.crc32(device.encode("utf-8", "replace")) % len(COLOURS)]


def line(event: Event) -> Words:
    """One event for people."""
    device = str(event.get("deviceId") or "-")
    word, more = news(event)
    return Words(
        (f"{local_time(event.get('enqueuedTime'))} ", "bright_black"),
        (f"{device:<16} ", colour_of(device)),
        (f"{word:<12} {more}".rstrip(), "red" if event["source"] == DIAGNOSTICS else None),
    )


@dataclass
class Row:
    """What the table shows of one device."""

    telemetry: int = 0
    last: str = ""
    news: str = ""
    began: float | None = None
    seconds: collections.deque = field(default_factory=collections.deque)  # [second, messages in it]

    def take(self, event: Event, now: float, age: float = 0.0) -> None:
        """Count and remember an event that is ``age`` seconds old."""
        word, more = news(event)
        if event["source"] != SOURCES["telemetry"]:
            self.news = f"{word} {more}".rstrip()
            return
        self.telemetry += 1
        self.last = more
        moment = now - age
        self.began = moment if self.began is None else self.began
        if not self.seconds or self.seconds[-1][0] != int(moment):
            self.seconds.append([int(moment), 0])
        self.seconds[-1][1] += 1
        self._forget(now)

    def rate(self, now: float) -> float:
        """Messages a minute, over the last minute or the time since the first message."""
        self._forget(now)
        if self.began is None:
            return 0.0
        count = sum(number for _, number in self.seconds)
        return count * 60 / min(RATE_S, max(1.0, now - self.began))

    def _forget(self, now: float) -> None:
        while self.seconds and self.seconds[0][0] <= now - RATE_S:
            self.seconds.popleft()


def age_of(event: Event, utc: datetime) -> float:
    """How many seconds ago it was enqueued; 0 where that is not said, or is yet to come."""
    try:
        return max(0.0, (utc - datetime.fromisoformat(str(event.get("enqueuedTime")))).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def show_table(
    stream: Iterable[Event | None], name: str = "hub", clock: Callable[[], float] = time.monotonic
) -> None:
    """A row for each device, in place, until the stream ends."""
    from rich.console import Console
    from rich.live import Live

    rows: dict[str, Row] = {}
    with Live(render(rows, clock(), name), console=Console(), refresh_per_second=4) as live:
        for event in stream:
            if event is not None:
                row = rows.setdefault(str(event.get("deviceId") or "-"), Row())
                row.take(event, clock(), age_of(event, datetime.now(UTC)))
            live.update(render(rows, clock(), name))


def render(rows: dict[str, Row], now: float, name: str = "hub"):
    """The table as it stands."""
    from rich.table import Table
    from rich.text import Text

    # Text, since a cell that is none may hold rich's own marks.
    table = Table(title=Text(plain(name)), expand=True)
    for title, options in (
        ("device", {"no_wrap": True}),
        ("messages", {"justify": "right"}),
        ("a minute", {"justify": "right"}),
        ("last telemetry", {"ratio": 2, "no_wrap": True, "overflow": "ellipsis"}),
        ("last event", {"ratio": 3, "no_wrap": True, "overflow": "ellipsis"}),
    ):
        table.add_column(title, **options)
    for device, row in sorted(rows.items()):
        cells = (str(row.telemetry), f"{row.rate(now):.1f}", row.last, row.news)
        named = Text(plain(device), style=colour_of(device))
        table.add_row(named, *(Text(plain(cell)) for cell in cells))
    return table
