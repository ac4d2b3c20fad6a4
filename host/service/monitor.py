"""``monitor``: what happens on the local hub, as lines or as a table that stays in place.

The local hub's side door. Azure IoT Hub hands these events out over AMQP, from
its Event Hubs-compatible endpoint, which is not read here.
"""

import collections
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import click

from ..failure import REFUSED, UNREACHABLE, Failure
from ..screen import plain
from .hub import Hub, explain
from .verbs import example, on_hub

SOURCES = {
    "telemetry": "Telemetry",
    "twin": "twinChangeEvents",
    "connection": "deviceConnectionStateEvents",
    "lifecycle": "deviceLifecycleEvents",
    "diagnostics": "hubDiagnostics",
}
RATE_S = 60.0  # messages a minute are counted over this
Event = dict[str, Any]


@click.command(epilog=example("twinkle monitor --device kitchen --only telemetry --table"))
@on_hub
@click.option("--device", metavar="DEVICE", help="Only this device.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(SOURCES)), help="Only these events; repeatable."
)
@click.option("--contains", metavar="TEXT", help="Only events with this text in their body.")
@click.option("--count", type=click.IntRange(1), help="End after so many events.")
@click.option("--seconds", type=click.FloatRange(0), help="End after so many seconds.")
@click.option("--table", is_flag=True, help="A row for each device, kept up to date.")
def monitor(hub: Hub, say, device, only, contains, count, seconds, table) -> None:
    """Show telemetry and events as they reach the local hub.

    This is the local hub's side door. Azure IoT Hub hands these out over AMQP,
    from its Event Hubs-compatible endpoint, which is not read here.
    """
    if not hub.is_local:
        raise Failure(
            f"{hub.address} is not a local hub; read its Event Hubs-compatible endpoint, "
            "for example with: az iot hub monitor-events"
        )
    wanted = chosen(events(hub, device, seconds), only, contains)
    shown = itertools.islice(wanted, count)
    if table:
        show_table(shown)
        return
    for event in shown:
        say(event, line(event))


def chosen(stream: Iterable[Event], only: Iterable[str], contains: str | None) -> Iterator[Event]:
    """The events of these kinds with this text."""
    sources = {SOURCES[name] for name in only}
    for event in stream:
        if sources and event["source"] not in sources:
            continue
        if contains and contains not in json.dumps(event.get("body"), ensure_ascii=False):
            continue
        yield event


def line(event: Event) -> str:
    """One event for people."""
    body = json.dumps(event.get("body"), ensure_ascii=False)
    when = str(event.get("enqueuedTime", ""))[11:19]
    return f"{when} {event.get('deviceId') or '-':<16} {event['source']:<28} {body}"


@dataclass
class Row:
    """What the table shows of one device."""

    telemetry: int = 0
    last: str = ""
    news: str = ""
    times: collections.deque = field(default_factory=lambda: collections.deque(maxlen=1000))

    def take(self, event: Event, now: float) -> None:
        """Count and remember an event."""
        body = json.dumps(event.get("body"), ensure_ascii=False)
        if event["source"] == SOURCES["telemetry"]:
            self.telemetry += 1
            self.times.append(now)
            self.last = body
        else:
            self.news = f"{event['source'].removesuffix('Events')} {body}"

    def rate(self, now: float) -> int:
        """Messages in the last minute."""
        while self.times and self.times[0] < now - RATE_S:
            self.times.popleft()
        return len(self.times)


def show_table(stream: Iterable[Event], clock: Callable[[], float] = time.monotonic) -> None:
    """A row for each device, in place, until the stream ends or Ctrl-C."""
    from rich.console import Console
    from rich.live import Live

    rows: dict[str, Row] = {}
    with Live(render(rows, clock()), console=Console(), refresh_per_second=4) as live:
        try:
            for event in stream:
                rows.setdefault(event.get("deviceId") or "-", Row()).take(event, clock())
                live.update(render(rows, clock()))
        except KeyboardInterrupt:
            return


def render(rows: dict[str, Row], now: float):
    """The table as it stands."""
    from rich.table import Table
    from rich.text import Text

    # Text, since a cell that is none may hold rich's own marks.
    table = Table(title="local hub", expand=True)
    for name, options in (
        ("device", {"no_wrap": True}),
        ("messages", {"justify": "right"}),
        ("a minute", {"justify": "right"}),
        ("last telemetry", {"ratio": 2, "no_wrap": True, "overflow": "ellipsis"}),
        ("last event", {"ratio": 3, "no_wrap": True, "overflow": "ellipsis"}),
    ):
        table.add_column(name, **options)
    for device, row in sorted(rows.items()):
        cells = (device, str(row.telemetry), str(row.rate(now)), row.last, row.news)
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table


def events(hub: Hub, device: str | None = None, seconds: float | None = None) -> Iterator[Event]:
    """Events of the side door until ``seconds`` have passed or the hub ends."""
    import requests

    end = None if seconds is None else time.monotonic() + seconds
    try:
        with requests.get(
            f"https://{hub.address}/twinkle/events",
            params={"deviceId": device} if device else {},
            headers={"Authorization": hub.token()},
            stream=True,
            verify=hub.ca_file,
            timeout=(10, 15),
        ) as response:
            if response.status_code != 200:
                raise explain(response.status_code, response.text, response.reason)
            for text in response.iter_lines(chunk_size=1):
                if end is not None and time.monotonic() >= end:
                    return
                if text:
                    yield json.loads(text)
    except requests.exceptions.SSLError:
        raise Failure(
            f"{hub.address} has a certificate of another authority; see --ca-file", REFUSED
        ) from None
    except requests.exceptions.ReadTimeout:
        raise Failure(f"{hub.address} has fallen silent", UNREACHABLE) from None
    except requests.exceptions.ConnectionError:
        raise Failure(f"{hub.address} does not answer; is the hub running?", UNREACHABLE) from None
