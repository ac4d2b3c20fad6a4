"""monitor: which events, in which words, and the table that shows them."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta

import click
import pytest
from azure.eventhub import EventData
from azure.eventhub._pyamqp.message import Message
from rich.console import Console

from twinkle_host.hub.rest import side_door
from twinkle_host.screen import Words, show, show_json
from twinkle_host.service.monitor import (
    COLOURS,
    Row,
    Since,
    age_of,
    chosen,
    colour_of,
    first,
    line,
    local_time,
    news,
    render,
)
from twinkle_host.service.reading import shown

TELEMETRY = {
    "source": "Telemetry",
    "deviceId": "a",
    "enqueuedTime": "2026-11-21T08:30:00Z",
    "body": {"temp": 21},
}
TWIN = {"source": "twinChangeEvents", "deviceId": "b", "enqueuedTime": "", "body": {"version": 3}}


def test_events_are_chosen_by_kind_text_and_device():
    stream = [TELEMETRY, TWIN, None]
    assert list(chosen(stream, (), None)) == stream
    assert list(chosen(stream, ("twin",), None)) == [TWIN, None]
    assert list(chosen(stream, ("twin", "telemetry"), "temp")) == [TELEMETRY, None]
    assert list(chosen(stream, (), None, "b")) == [TWIN, None]


def told_too_fast(count):
    """What a listener at the hub's side door is told that has lagged behind by so many."""
    listener = side_door.Listener()
    for _ in range(side_door.QUEUE + count):
        listener.hear({"source": "hubDiagnostics", "deviceId": "a", "body": {}})
    lines = asyncio.run(listener.lines(asyncio.Event()))
    return json.loads(lines.partition(b"\n")[0])


def test_what_was_dropped_on_the_way_is_said_whoever_is_looked_at():
    """It may have been of any device, with any text."""
    told = told_too_fast(3)
    assert list(chosen([told, TELEMETRY], (), "version", "b")) == [told]
    assert list(chosen([told], ("telemetry",), None, "b")) == [], "but of diagnoses only"
    assert line(told).split(maxsplit=2)[1:] == ["diagnosis", "3 diagnoses came faster than they were read"]


def test_a_count_counts_events_and_not_the_quiet_between_them():
    stream = itertools.cycle([None, TELEMETRY])
    assert list(first(stream, 2)) == [None, TELEMETRY, None, TELEMETRY]
    assert list(first([TELEMETRY] * 3, None)) == [TELEMETRY] * 3


@pytest.mark.parametrize(
    "source, operation, word",
    [
        ("deviceConnectionStateEvents", "deviceConnected", "connected"),
        ("deviceConnectionStateEvents", "deviceDisconnected", "disconnected"),
        ("deviceLifecycleEvents", "createDeviceIdentity", "created"),
        ("deviceLifecycleEvents", "deleteDeviceIdentity", "deleted"),
    ],
)
def test_what_happened_is_said_in_a_word(source, operation, word):
    assert news({"source": source, "applicationProperties": {"opType": operation}, "body": {}}) == (word, "")


def test_a_change_has_its_body_and_a_diagnosis_its_reason():
    change = {"opType": "updateTwin"}
    assert news({**TWIN, "applicationProperties": change}) == ("updated", '{"version": 3}')
    digital = {"source": "digitalTwinChangeEvents", "applicationProperties": change, "body": []}
    assert news(digital) == ("updated (digital twin)", "[]")
    assert news({"source": "hubDiagnostics", "body": {"what": "x", "reason": "why"}}) == ("diagnosis", "why")
    assert news({"source": "hubDiagnostics", "body": None}) == ("diagnosis", "null")


def test_a_line_has_the_local_time_its_zone_the_device_and_the_body():
    text = TELEMETRY["enqueuedTime"]
    assert line(TELEMETRY).split() == [*local_time(text).split(), "a", "telemetry", '{"temp":', "21}"]
    here = datetime.fromisoformat(text).astimezone()
    assert local_time(text, here.date()) == here.strftime("%H:%M:%S %Z")
    assert local_time(text, here.date() + timedelta(1)) == here.strftime("%Y-%m-%d %H:%M:%S %Z")
    assert local_time("nonsense") == local_time(None) == ""


@pytest.mark.parametrize(
    "body, kind, value",
    [
        (b'{"a": 1}', "json", {"a": 1}),
        (b"21.5", "json", 21.5),
        (b"warm", "text", "warm"),
        (b"\xff\xfe", "base64", "//4="),
        (b"NaN", "text", "NaN"),
        (b'{"a": -Infinity}', "text", '{"a": -Infinity}'),
        (b"1e999", "text", "1e999"),
        (b"[" * 500 + b"]" * 500, "text", "[" * 500 + "]" * 500),
    ],
    ids=["object", "number", "text", "bytes", "nan", "infinity", "too-large", "too-deep"],
)
def test_a_body_that_is_no_json_is_not_shown_as_json(capsys, body, kind, value):
    event = shown(EventData._from_message(Message(data=[body])))
    assert (event["bodyType"], event["body"]) == (kind, value)
    show_json(event)
    again = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert again["body"] == value


def test_a_device_has_its_own_colour_on_a_terminal_and_none_elsewhere(capsys):
    assert colour_of("a") == colour_of("a") and {colour_of(f"d{n}") for n in range(99)} == set(COLOURS)
    show(line(TELEMETRY))
    assert "\x1b" not in capsys.readouterr().out
    assert [colour for _, colour in line(TELEMETRY).parts][1] == colour_of("a")
    with click.Context(click.Command("x"), color=True):
        show(Words(("a\x1b[2J", "red")))
    assert capsys.readouterr().out == "\x1b[31ma\\u001b[2J\x1b[0m\n"


@pytest.mark.parametrize("text, seconds", [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_since_is_how_long_ago(text, seconds):
    before = datetime.now(UTC)
    since = Since().convert(text, None, None)
    assert before <= since + timedelta(seconds=seconds) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1w", "1.5h", "99999999999s"])
def test_since_is_nothing_else(text):
    with pytest.raises(click.BadParameter):
        Since().convert(text, None, None)


def test_a_rate_is_messages_a_minute_from_the_first_second_on():
    row = Row()
    assert row.rate(0) == 0
    for second in range(5):
        row.take(TELEMETRY, second)
    assert row.rate(5) == pytest.approx(60)
    for second in range(5, 300):
        row.take(TELEMETRY, second)
    assert row.rate(300) == pytest.approx(60, abs=2)
    assert row.rate(330) == pytest.approx(30, abs=2)
    assert row.rate(400) == 0


def test_what_is_read_late_counts_at_its_own_moment():
    """With --since the events of an hour come within a second."""
    row = Row()
    for number in range(3600):
        row.take(TELEMETRY, 5000, age=3600 - number)
        assert len(row.seconds) <= 60
    assert row.telemetry == 3600 and row.rate(5000) == pytest.approx(60, abs=2)
    silent = Row()
    silent.take(TELEMETRY, 5000, age=700)
    assert silent.rate(5000) == 0


def test_the_age_of_an_event():
    utc = datetime(2026, 11, 21, 8, 31, tzinfo=UTC)
    assert age_of(TELEMETRY, utc) == 60 and age_of(TELEMETRY, utc - timedelta(hours=1)) == 0
    for text in (None, "", "nonsense", "2026-11-21T08:30:00"):
        assert age_of({"enqueuedTime": text}, utc) == 0


def test_a_device_that_speaks_fast_has_its_rate_as_well():
    row = Row()
    for number in range(60_000):
        row.take(TELEMETRY, number / 500)
    assert row.rate(120) == pytest.approx(30_000, rel=0.02) and len(row.seconds) < 200


def test_the_table_has_a_row_for_each_device_with_its_rate():
    rows = {"a": Row(), "b": Row()}
    for second in (0, 50, 100):
        rows["a"].take(TELEMETRY, second)
    rows["b"].take({**TWIN, "applicationProperties": {"opType": "updateTwin"}}, 100)
    console = Console(width=120, record=True, force_terminal=False)
    console.print(render(rows, 100))
    text = console.export_text()
    row = next(part for part in text.splitlines() if '{"temp": 21}' in part)
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["a", "3", "2.0"]
    assert 'updated {"version": 3}' in text
