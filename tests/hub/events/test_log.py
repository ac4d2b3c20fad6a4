"""The event log: order, places, restarts, retention, and what a full disk does."""

import random
import sqlite3
import subprocess
import sys

import pytest
from azure.eventhub import EventData
from azure.eventhub._pyamqp._decode import decode_payload
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.hub.events import log as event_log
from twinkle_host.hub.events.event import _remembered as remembered
from twinkle_host.hub.events.event import event_of, message_of
from twinkle_host.hub.events.log import PARTITIONS, EventLog, partition_of
from twinkle_host.hub.store import StoreError

SYSTEM = {"iothub-connection-device-id": "dev1", "iothub-message-source": "Telemetry"}
DAY = 86400.0


@pytest.fixture
def log(tmp_path):
    made = EventLog(tmp_path / "events.sqlite", DAY, 1 << 30)
    yield made
    made.close()


def put(log, count, device="dev1", utc=1000.0, step=1.0, body=b"{}"):
    """So many events of a device, ``step`` seconds apart; its partition."""
    for number in range(count):
        log.append(device, SYSTEM, {"n": str(number)}, body, utc + number * step)
    log.commit()
    return partition_of(device)


def all_of(log, number, start=0):
    """Every event of a partition from ``start`` on."""
    rows = []
    while more := log.read(number, rows[-1].sequence + 1 if rows else start):
        rows += more
    return rows


def seen(message):
    """A message as azure-eventhub shows it."""
    return EventData._from_message(decode_payload(memoryview(message)))


# --- an event


def test_a_reader_sees_what_a_device_meant_and_what_the_hub_adds():
    system = {
        **SYSTEM,
        **{"content-type": "application/json", "content-encoding": "utf-8", "message-id": "m1"},
        **{"correlation-id": "c1", "user-id": "hub", "dt-subject": "thermostat1"},
        "absolute-expiry-time": "2026-01-01T00:00:00Z",
    }
    event = seen(
        message_of(event_of(system, {"alert": "yes", "bare": None}, b'{"t": 1}'), 7, 640, 1_700_000_000_123)
    )
    assert (event.sequence_number, event.offset, event.body_as_str()) == (7, "640", '{"t": 1}')
    assert event.enqueued_time.timestamp() == 1_700_000_000.123
    assert event.properties == {b"alert": b"yes", b"bare": None}
    assert (event.content_type, event.message_id, event.correlation_id) == ("application/json", "m1", "c1")
    assert event.system_properties[b"iothub-connection-device-id"] == b"dev1"
    assert event.system_properties[b"iothub-enqueuedtime"] == 1_700_000_000_123
    assert event.system_properties[b"dt-subject"] == b"thermostat1"
    assert event.system_properties[b"content-encoding"] == b"utf-8"
    assert event.system_properties[b"user-id"] == b"hub"
    assert event.system_properties[b"absolute-expiry-time"] == 1767225600000


@given(
    st.dictionaries(st.sampled_from(["content-type", "absolute-expiry-time", "message-id", "x"]), st.text())
)
def test_whatever_a_device_writes_makes_a_message(system):
    try:
        "".join(system.values()).encode()
    except UnicodeEncodeError:
        return
    assert seen(message_of(event_of(system, {"a": "ü"}, b""), 0, 0, 0)).body_as_str() == ""


def test_a_long_property_is_told_in_full_and_not_remembered():
    """A message may have 256 KB counting its properties; thousands of them are not kept in memory."""
    before = len(remembered)
    for number in range(3):
        subject = str(number) * 200_000
        event = seen(message_of(event_of({**SYSTEM, "dt-subject": subject}, {}, b""), 0, 0, 0))
        assert event.system_properties[b"dt-subject"].decode() == subject
    assert len(remembered) == before


def test_a_device_that_named_no_property_has_no_properties_section():
    message = decode_payload(memoryview(message_of(event_of(SYSTEM, {}, b"{}"), 0, 0, 0)))
    assert not message.properties
    assert decode_payload(
        memoryview(message_of(event_of({**SYSTEM, "message-id": "m"}, {}, b""), 0, 0, 0))
    ).properties


# --- order and places


def test_a_devices_events_are_in_one_partition_in_their_order(log):
    for number in range(50):
        for device in ("a", "b", "c", "d", "e", "f"):
            log.append(device, {"iothub-connection-device-id": device}, {}, b"%d" % number, 1000)
    assert log.read(0, 0) == [], "nothing is read before it is kept"
    grown = log.commit()
    assert grown == sorted({partition_of(device) for device in "abcdef"})
    bodies = {}
    for number in range(PARTITIONS):
        rows = all_of(log, number)
        assert [row.sequence for row in rows] == list(range(len(rows)))
        assert [row.offset for row in rows] == sorted({row.offset for row in rows})
        for row in rows:
            event = seen(row.message)
            device = event.system_properties[b"iothub-connection-device-id"].decode()
            bodies.setdefault(device, []).append(int(event.body_as_str()))
    assert bodies == {device: list(range(50)) for device in "abcdef"}


def test_the_partition_of_a_device_is_the_same_for_ever():
    assert [partition_of(device) for device in ("dev1", "dev2", "kitchen", "desk")] == [1, 3, 0, 2]


def test_a_clock_that_is_set_back_does_not_disturb_the_order(log):
    number = put(log, 3, utc=2000)
    put(log, 2, utc=1000)
    times = [row.enqueued for row in all_of(log, number)]
    assert times == [2000000, 2001000, 2002000, 2002000, 2002000]


@pytest.mark.parametrize(
    "column, value, inclusive, expected",
    [
        ("sequence-number", 4, False, 5),
        ("sequence-number", 4, True, 4),
        ("sequence-number", -1, False, 0),
        ("sequence-number", 99, True, 10),
        ("enqueued-time", 1003_000, False, 4),
        ("enqueued-time", 1003_000, True, 3),
        ("enqueued-time", 1003_500, True, 4),
        ("offset", -1, False, 0),
    ],
)
def test_places(log, column, value, inclusive, expected):
    assert log.place_of(put(log, 10), column, value, inclusive) == expected


def test_places_by_offset(log):
    rows = all_of(log, put(log, 10))
    assert log.place_of(1, "offset", rows[3].offset, False) == 4
    assert log.place_of(1, "offset", rows[3].offset, True) == 3
    assert log.place_of(1, "offset", rows[3].offset + 1, True) == 4


def test_what_one_read_takes_is_bounded(log):
    number = put(log, 10, body=bytes(60_000))
    assert [row.sequence for row in log.read(number, 0)] == [0, 1, 2]
    assert [row.sequence for row in all_of(log, number)] == list(range(10))
    put(log, 1, body=bytes(250_000))
    assert len(log.read(number, 10)) == 1


# --- restarts


def test_it_goes_on_after_a_restart(tmp_path):
    first = EventLog(tmp_path / "e", DAY, 1 << 30)
    number = put(first, 5)
    last, end = first.last(number), first.partitions[number].offset
    first.close()
    second = EventLog(tmp_path / "e", DAY, 1 << 30)
    assert second.last(number) == last
    put(second, 1, utc=500)
    rows = all_of(second, number)
    assert [row.sequence for row in rows] == list(range(6)) and rows[5].enqueued == rows[4].enqueued
    assert rows[5].offset == end
    second.close()


def test_what_was_committed_outlives_a_process_that_is_killed(tmp_path):
    program = """
import os, signal, sys
from pathlib import Path
from twinkle_host.hub.events.log import EventLog
log = EventLog(Path(sys.argv[1]), 86400, 1 << 30)
for number in range(500):
    log.append("dev1", {}, {}, b"%d" % number, 1000)
    if number % 7 == 0:
        log.commit()
        done = number
log.append("dev1", {}, {}, b"never kept", 1000)
print(done, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, tmp_path / "e"], capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr
    log = EventLog(tmp_path / "e", DAY, 1 << 30)
    rows = all_of(log, 1)
    assert [seen(row.message).body_as_str() for row in rows] == [str(n) for n in range(int(ended.stdout) + 1)]
    log.close()


def test_numbers_go_on_when_nothing_is_left(tmp_path):
    log = EventLog(tmp_path / "e", DAY, 1 << 30)
    number = put(log, 5)
    offset = log.partitions[number].offset
    while log.retain(1000 + 2 * DAY):
        pass
    assert log.partitions[number].is_empty and log.last(number)[0] == 4
    log.close()
    log = EventLog(tmp_path / "e", DAY, 1 << 30)
    assert (log.partitions[number].next, log.partitions[number].offset) == (5, offset)
    put(log, 1, utc=1000 + 2 * DAY)
    assert [row.sequence for row in all_of(log, number)] == [5]
    log.close()


def test_a_commit_of_all_partitions_writes_little_more_than_its_events(log, tmp_path):
    """Pages that are filled from the end stay full; each one that is split is written twice."""
    size = 0
    for _ in range(50):
        for number in range(100):
            log.append(f"device{number}", SYSTEM, {}, bytes(400), 1000.0)
        log.commit()
        size += 100 * 400
    assert {part.is_empty for part in log.partitions} == {False}
    assert (tmp_path / "events.sqlite-wal").stat().st_size < 2.5 * size


def test_a_file_that_is_none_of_ours_is_named(tmp_path):
    (tmp_path / "e").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        EventLog(tmp_path / "e", DAY, 1 << 30)


# --- retention


def test_what_is_too_old_leaves_from_the_beginning_a_little_at_a_time(log, monkeypatch):
    monkeypatch.setattr(event_log, "MAX_DROP", 2)
    number = put(log, 10, step=3600)
    steps = 0
    while log.retain(1000 + DAY + 5 * 3600):
        steps += 1
    assert steps == 3
    assert [row.sequence for row in all_of(log, number)] == [5, 6, 7, 8, 9]
    assert log.read(number, 2)[0].sequence == 5, "a reader from before goes on at the beginning"


def test_what_is_too_much_leaves_the_oldest_first_whatever_its_partition(tmp_path):
    log = EventLog(tmp_path / "e", DAY, 100_000)
    old, new = (
        put(log, 60, "dev1", utc=1000, body=bytes(1000)),
        put(log, 60, "dev2", utc=2000, body=bytes(1000)),
    )
    assert old != new
    while log.retain(3000):
        pass
    kept = sum(part.offset - part.begin_offset for part in log.partitions)
    assert 95_000 < kept <= 100_000
    assert len(all_of(log, new)) == 60 and len(all_of(log, old)) < 60
    log.close()


@given(st.integers(0, 2**32))
def test_any_number_of_events_dropped_and_kept_leaves_a_log_without_gaps(seed):
    chance = random.Random(seed)
    log, utc = EventLog.__new__(EventLog), 1000.0
    log.__init__(_Memory(), 3600, 20_000)
    for _ in range(chance.randrange(1, 12)):
        for _ in range(chance.randrange(8)):
            log.append(chance.choice("abcdefg"), {}, {}, bytes(chance.randrange(3000)), utc)
        log.commit()
        utc += chance.choice((1, 600, 5000))
        while log.retain(utc):
            pass
        for number, part in enumerate(log.partitions):
            rows = all_of(log, number)
            assert [row.sequence for row in rows] == list(range(part.begin, part.next))
            assert all(row.enqueued >= utc * 1000 - 3600_000 for row in rows)
        assert sum(part.offset - part.begin_offset for part in log.partitions) <= 20_000
    log.close()


class _Memory:
    """A path to a database of its own that is nowhere."""

    def touch(self, **_):
        return None

    def __fspath__(self):
        return ":memory:"


# --- a disk that is full


def test_what_cannot_be_written_is_forgotten_and_the_numbers_do_not_skip(log):
    number = put(log, 3)
    log._db.execute("PRAGMA query_only=ON")
    log.append("dev1", SYSTEM, {}, b"lost", 2000)
    with pytest.raises(sqlite3.Error):
        log.commit()
    log._db.execute("PRAGMA query_only=OFF")
    put(log, 1, utc=3000)
    assert [row.sequence for row in all_of(log, number)] == [0, 1, 2, 3]


def test_events_are_kept_after_old_ones_could_not_be_dropped(log):
    number = put(log, 3)
    log._db.execute(
        f"CREATE TRIGGER broken BEFORE DELETE ON events_{number} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
    )
    with pytest.raises(sqlite3.Error):
        log.retain(1000.0 + 2 * DAY)
    put(log, 1, utc=2000.0)
    assert [row.sequence for row in all_of(log, number)] == [0, 1, 2, 3]
