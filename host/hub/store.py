"""The hub's records in one SQLite file.

Write-ahead log with ``synchronous=NORMAL``: a crash of the hub loses nothing, a
power cut at most the last moments, and no write waits for the disk. The file
holds keys, so only its owner may read it.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

VERSION = 2


class StoreError(Exception):
    """The file cannot be used; the text names it and says what to do."""


def stamp(database: sqlite3.Connection, path: Path, version: int) -> None:
    """A new file is of this version from now on; StoreError for one of another, of which nothing is taken over."""
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found not in (0, version):
        raise StoreError(
            f"{path} was written by another version of the hub ({found}); give another --state directory"
        )
    database.execute(f"PRAGMA user_version={version}")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database in ``path``, made when it is not there; StoreError, and closed, when what is done first fails."""
    path.touch(mode=0o600, exist_ok=True)
    with contextlib.ExitStack() as failed:
        try:
            database = sqlite3.connect(path, isolation_level=None)
            failed.callback(database.close)
            yield database
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{path} cannot be used ({error}); move it away or give another --state directory"
            ) from None
        failed.pop_all()


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing: none is left open, in which the next could not begin."""
    database.execute("BEGIN")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite itself ends some
            database.execute("ROLLBACK")
        raise


class SqliteStore:
    """The core's Store in ``path``; made when it is not there."""

    def __init__(self, path: Path):
        with opened(path) as self._db:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            stamp(self._db, path, VERSION)
            self._db.execute("CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, body TEXT NOT NULL)")

    def load_all(self) -> Iterator[dict[str, Any]]:
        """Every record."""
        for (body,) in self._db.execute("SELECT body FROM records"):
            yield json.loads(body)

    def load(self, record_id: str) -> dict[str, Any] | None:
        """One record, or None."""
        row = self._db.execute("SELECT body FROM records WHERE id = ?", (record_id,)).fetchone()
        return None if row is None else json.loads(row[0])

    def save(self, record: dict[str, Any]) -> None:
        """Store or overwrite by ``record["id"]``."""
        self._db.execute("INSERT OR REPLACE INTO records VALUES (?, ?)", (record["id"], json.dumps(record)))

    def delete(self, record_id: str) -> None:
        """Forget a record; no error when there is none."""
        self._db.execute("DELETE FROM records WHERE id = ?", (record_id,))

    def write(self, saved: Iterable[dict[str, Any]], gone: Iterable[str]) -> None:
        """Forget the records of these ids, then store those: all of it, or an error and nothing of it."""
        with transaction(self._db):
            for record_id in gone:
                self.delete(record_id)
            for record in saved:
                self.save(record)

    def copy_to(self, path: Path) -> None:
        """Write all records into another file of this kind, as they are now."""
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(path)) as copy:
            self._db.backup(copy)

    def close(self) -> None:
        """Fold the log into the file and close it."""
        self._db.close()
