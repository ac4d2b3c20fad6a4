"""The event log: four partitions in one SQLite file.

An event is in a partition by a hash of its device's id, so that a device's events keep their order.
``append`` only gathers; ``commit`` writes what was gathered in one transaction. A commit is with the
operating system when it returns: it outlives ``kill -9``, and a power cut takes the last moments at most
(write-ahead log, ``synchronous=NORMAL``).

Each partition is a table: what is appended to a tree's end fills its pages, while in the middle of one that all
share each page would be split in halves. A row is a batch, the events of one commit, and its id the sequence number
of the first: a row costs SQLite about the same for one event as for a hundred. Events leave from a partition's
beginning only, so its sequence numbers have no gaps, and offsets and times grow with them; a batch is deleted when
the last of its events has left.
"""

import sqlite3
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..store import opened, stamp, transaction
from .event import event_of, message_of

PARTITIONS = 4
CHUNK = 128 * 1024  # bytes of a batch, and of what a reader takes at once; or one event
CHECKPOINT_PAGES = 4000  # of 4 KB in the write-ahead log, before they are folded into the file
LAST = sys.maxsize  # a sequence number that none is above
MAX_DROP = 1000  # events that one step of the retention drops
VERSION = 3
_TABLES = [f"events_{number}" for number in range(PARTITIONS)]
_INSERTS = [f"INSERT INTO {table} VALUES (?, ?, ?)" for table in _TABLES]
_HEAD = struct.Struct(">QI")  # of each event in a batch: when it was enqueued, and its bytes

COLUMNS = {"sequence-number": 0, "offset": 1, "enqueued-time": 2}


@dataclass(frozen=True, slots=True)
class Row:
    """One event. ``offset``: bytes of its partition before it; ``enqueued``: milliseconds since 1970."""

    sequence: int
    offset: int
    enqueued: int
    event: bytes

    @property
    def message(self) -> bytes:
        """The AMQP message that readers get."""
        return message_of(self.event, self.sequence, self.offset, self.enqueued)


@dataclass
class Partition:
    """Where a partition begins and ends. ``next`` is the sequence number of the next event, ``offset`` its offset."""

    begin: int = 0
    begin_offset: int = 0
    next: int = 0
    offset: int = 0
    enqueued: int = 0

    @property
    def is_empty(self) -> bool:
        return self.begin == self.next


@lru_cache(maxsize=4096)
def partition_of(device_id: str) -> int:
    """The partition of a device."""
    return zlib.crc32(device_id.encode()) % PARTITIONS


class EventLog:
    """The events of one hub in ``path``; made when it is not there. StoreError when it cannot be used.

    ``keep_s``: seconds that an event is kept; ``keep_bytes``: how much is kept in all. What is older or
    more is dropped by ``retain``. ``created``: milliseconds since 1970.
    """

    def __init__(self, path: Path, keep_s: float, keep_bytes: int):
        self._keep_ms = int(keep_s * 1000)
        self._keep_bytes = keep_bytes
        self.gathered = 0  # events that wait for a commit
        self.is_closed = False
        self._batches: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        with opened(path) as self._db:
            self._prepare(path)
            self.partitions = [self._found(number) for number in range(PARTITIONS)]
        self._ends = [(part.next, part.offset, part.enqueued) for part in self.partitions]

    def _prepare(self, path: Path) -> None:
        # The hub alone has its state: no locks to take for each commit, no index of the log to share.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        self._db.execute("PRAGMA synchronous=NORMAL")
        stamp(self._db, path, VERSION)
        for table in _TABLES:
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} "
                "(id INTEGER PRIMARY KEY, offset INTEGER NOT NULL, events BLOB NOT NULL)"
            )
        # A partition as it was when events were last dropped: without any, its numbers go on all the same.
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS partitions (number INTEGER PRIMARY KEY, begin INTEGER NOT NULL, "
            "begin_offset INTEGER NOT NULL, next INTEGER NOT NULL, offset INTEGER NOT NULL, "
            "enqueued INTEGER NOT NULL)"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
        made = ("created", int(time.time() * 1000))
        self._db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", made)
        self.created = self._db.execute("SELECT value FROM facts WHERE name = 'created'").fetchone()[0]

    def _found(self, number: int) -> Partition:
        known = self._db.execute(
            "SELECT begin, begin_offset, next, offset, enqueued FROM partitions WHERE number = ?", (number,)
        ).fetchone()
        part = Partition(*(known or ()))
        for row in self._batch(number, LAST):
            part.next, part.enqueued = row.sequence + 1, row.enqueued
            part.offset = row.offset + _HEAD.size + len(row.event)
        return part

    # --- writing

    def append(
        self, device_id: str, system: dict[str, Any], application: dict[str, Any], body: bytes, utc: float
    ) -> None:
        """Gather an event for the next commit; its place is known, and nobody reads it yet."""
        number = partition_of(device_id)
        sequence, offset, before = self._ends[number]
        enqueued = max(before, int(utc * 1000))  # a clock that is set back does not disturb the order
        event = event_of(system, application, body)
        size = len(event)
        self._batches[number].append(_HEAD.pack(enqueued, size) + event)
        self._ends[number] = (sequence + 1, offset + _HEAD.size + size, enqueued)
        self.gathered += 1

    def commit(self) -> list[int]:
        """Write what was gathered; the partitions that grew. sqlite3.Error when it cannot be: then it is forgotten."""
        batches, self._batches = self._batches, [[] for _ in range(PARTITIONS)]
        self.gathered = 0
        grown = [number for number, batch in enumerate(batches) if batch]
        try:
            with transaction(self._db):
                for number in grown:
                    self._insert(number, batches[number])
        except sqlite3.Error:
            self._ends = [(part.next, part.offset, part.enqueued) for part in self.partitions]
            raise
        for number in grown:
            part = self.partitions[number]
            part.next, part.offset, part.enqueued = self._ends[number]
        return grown

    def _insert(self, number: int, batch: list[bytes]) -> None:
        part = self.partitions[number]
        sequence, offset = part.next, part.offset
        rest = iter(batch)
        while piece := list(_chunk(rest)):
            events = b"".join(piece)
            self._db.execute(_INSERTS[number], (sequence, offset, events))
            sequence, offset = sequence + len(piece), offset + len(events)

    # --- reading

    def read(self, number: int, sequence: int) -> list[Row]:
        """Events of a partition from ``sequence`` on, or from its beginning when that is later; CHUNK bytes of them."""
        return list(self._rows(number, max(sequence, self.partitions[number].begin)))

    def read_back(self, number: int, before: int) -> list[Row]:
        """Events of a partition in front of the sequence number ``before``, the last first; CHUNK bytes of them."""
        rows: list[Row] = []
        begin, size = self.partitions[number].begin, 0
        while before > begin and size < CHUNK:
            found = [row for row in self._batch(number, before - 1) if begin <= row.sequence < before]
            rows += found[::-1]
            size += sum(len(row.event) for row in found)
            before = found[0].sequence
        return rows

    def _rows(self, number: int, first: int) -> Iterator[Row]:
        size = 0
        while rows := [row for row in self._batch(number, first) if row.sequence >= first]:
            for row in rows:
                yield row
                size += len(row.event)
                if size >= CHUNK:
                    return
            first = rows[-1].sequence + 1

    def _batch(self, number: int, sequence: int) -> Iterator[Row]:
        # The events that lie together with this one; the last ones, when there is none yet.
        found = self._db.execute(
            f"SELECT id, offset, events FROM {_TABLES[number]} WHERE id <= ? ORDER BY id DESC LIMIT 1",
            (sequence,),
        ).fetchone()
        return _events(*found) if found else iter(())

    def place_of(self, number: int, column: str, value: int, inclusive: bool) -> int:
        """The sequence number of the first event whose ``column`` (see COLUMNS) is above ``value``, or at it."""
        part = self.partitions[number]
        low, high = part.begin, part.next
        wanted = value if inclusive else value + 1
        while low < high:
            middle = (low + high) // 2
            if self._values(number, middle)[COLUMNS[column]] >= wanted:
                high = middle
            else:
                low = middle + 1
        return low

    def last(self, number: int) -> tuple[int, int, int]:
        """Sequence number, offset and time of a partition's last event; -1, -1 and 0 when it never had one."""
        part = self.partitions[number]
        if part.is_empty:
            return part.next - 1, -1 if part.next == 0 else part.offset, part.enqueued
        return self._values(number, part.next - 1)

    def _values(self, number: int, sequence: int) -> tuple[int, int, int]:
        row = next(row for row in self._batch(number, sequence) if row.sequence == sequence)
        return row.sequence, row.offset, row.enqueued

    # --- retention

    def retain(self, utc: float) -> bool:
        """Drop some of what is too old or too much; whether more is left to drop."""
        oldest = int(utc * 1000) - self._keep_ms
        dropped = 0
        for number, part in enumerate(self.partitions):
            cut = min(self.place_of(number, "enqueued-time", oldest, True), part.begin + MAX_DROP)
            dropped = max(dropped, self._drop(number, cut))
        excess = sum(part.offset - part.begin_offset for part in self.partitions) - self._keep_bytes
        if excess > 0:
            filled = [number for number in range(PARTITIONS) if not self.partitions[number].is_empty]
            number = min(filled, key=lambda number: self._values(number, self.partitions[number].begin)[2])
            part = self.partitions[number]
            cut = self.place_of(number, "offset", part.begin_offset + excess, True)
            dropped = max(dropped, self._drop(number, max(part.begin + 1, min(cut, part.begin + MAX_DROP))))
        return dropped > 0

    def _drop(self, number: int, cut: int) -> int:
        part = self.partitions[number]
        count = cut - part.begin
        if count <= 0:
            return 0
        offset = part.offset if cut == part.next else self._values(number, cut)[1]
        # The batch in which the first that stays lies.
        stays = cut if cut == part.next else next(self._batch(number, cut)).sequence
        state = (number, cut, offset, part.next, part.offset, part.enqueued)
        with transaction(self._db):
            self._db.execute(f"DELETE FROM {_TABLES[number]} WHERE id < ?", (stays,))
            self._db.execute("INSERT OR REPLACE INTO partitions VALUES (?, ?, ?, ?, ?, ?)", state)
        part.begin, part.begin_offset = cut, offset
        return count

    def close(self) -> None:
        """Write what was gathered, and close the file."""
        if self.gathered:
            self.commit()
        self.is_closed = True
        self._db.close()


def _chunk(rest: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for event in rest:
        yield event
        size += len(event)
        if size >= CHUNK:
            return


def _events(sequence: int, offset: int, batch: bytes) -> Iterator[Row]:
    at = 0
    while at < len(batch):
        enqueued, size = _HEAD.unpack_from(batch, at)
        begin = at + _HEAD.size
        yield Row(sequence, offset + at, enqueued, batch[begin : begin + size])
        sequence, at = sequence + 1, begin + size
