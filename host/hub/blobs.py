"""The files that devices uploaded, on disk: whole or not at all, and never more than they may be.

A blob is a file below the directory of its device; what is on its way, the blocks that no list has made
a blob of, and what is known of a blob beside its bytes are in directories that begin with a dot.
"""

import base64
import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from .core import Blob
from .core.uploads.names import file_of

FILE_BYTES = 256 << 20
BLOCKS_LIVE_S = (
    7 * 24 * 3600.0
)  # Storage services, "Put Block": what is not committed within a week is discarded
OVERHEAD = 1024  # bytes that each file counts for beside its own, or files without any would have no limit
MAX_BLOCKS = 50_000  # of one blob, "Put Block List"


class StoreRefused(Exception):
    """What the store does not take. ``status`` and ``code``: the storage services' for it."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Kept:
    """A blob in the store."""

    file: Path
    size: int
    modified: float
    etag: str
    about: dict[str, Any] = field(default_factory=dict)


class Arriving:
    """Bytes on their way. End it with ``BlobStore.commit`` or ``put_block``; else with ``abort``."""

    def __init__(self, store: "BlobStore", file: Path):
        store.reserve(0, 0)
        try:
            self._out: BinaryIO | None = file.open("xb")
        except OSError:
            store.release(OVERHEAD)
            raise
        self._store = store
        self.file = file
        self.size = 0
        self.md5 = hashlib.md5(usedforsecurity=False)

    def write(self, data: bytes) -> None:
        """Some more; StoreRefused when it is too much."""
        self._store.reserve(self.size, len(data))
        self.size += len(data)
        self._out.write(data)
        self.md5.update(data)

    def close(self) -> None:
        """It is all there."""
        out, self._out = self._out, None
        if out is not None:
            out.close()

    def abort(self) -> None:
        """Forget it; harmless once it has become a blob or a block."""
        try:
            self.close()
        finally:
            if self.file.exists():
                self.file.unlink()
                self._store.release(self.size + OVERHEAD)


class BlobStore:
    """Blobs below ``directory``, up to ``limit`` bytes in all, ``file_limit`` each; ``refused`` counts what was more.

    Its methods may be called from several threads. OSError where the disk fails.
    """

    def __init__(self, directory: Path, limit: int, file_limit: int = FILE_BYTES):
        self.limit = limit
        self.file_limit = min(file_limit, limit)
        self.refused = 0
        self._directory = directory
        self._new, self._blocks, self._about = (directory / name for name in (".new", ".blocks", ".about"))
        self._lock = threading.RLock()  # of the files, which may take a while
        self._counting = threading.Lock()  # of the bytes in use and the refusals, which does not
        shutil.rmtree(self._new, ignore_errors=True)  # what never became a blob
        for folder in (self._new, self._blocks, self._about):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._flying = 0  # what is on its way, of the bytes in use
        self._kept = 0
        self.sweep()

    @property
    def used(self) -> int:
        """How many bytes it takes up, files counted with OVERHEAD each."""
        return self._kept + self._flying

    # --- what it holds

    def find(self, name: str) -> Blob | None:
        """The core's view of a blob."""
        kept = self.get(name)
        return None if kept is None else Blob(kept.size, kept.modified)

    def get(self, name: str) -> Kept | None:
        """The blob of a name, or None."""
        file = self._file(name)
        try:
            stat = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            known = json.loads(self._about_file(file).read_text())
        except (FileNotFoundError, ValueError):
            known = {}  # the blob was put by hand, or the power went while it was written
        return Kept(file, stat.st_size, stat.st_mtime, f'"0x{stat.st_mtime_ns ^ stat.st_size:X}"', known)

    # --- what comes

    def begin(self) -> Arriving:
        """Bytes that will be a blob or a block."""
        return Arriving(self, self._new / secrets.token_hex(16))

    def reserve(self, had: int, more: int) -> None:
        """Room for ``more`` bytes of a file that has ``had``, 0 for a file itself; StoreRefused when there is none."""
        room = more or OVERHEAD
        if had + more > self.file_limit:
            raise self._too_much(f"A file has {self.file_limit} bytes at the most.")
        if not self._took(room):
            self.sweep()
            if not self._took(room):
                raise self._too_much(
                    f"The store is full: {self.limit} bytes. Remove files from it, or give it more room."
                )

    def _too_much(self, words: str) -> StoreRefused:
        with self._counting:
            self.refused += 1
        return StoreRefused(413, "RequestBodyTooLarge", words)

    def _took(self, room: int) -> bool:
        with self._counting:
            fits = self.used + room <= self.limit
            self._flying += room if fits else 0
        return fits

    def release(self, size: int) -> None:
        """Bytes that were on their way and are no more."""
        with self._counting:
            self._flying -= size

    def commit(self, arriving: Arriving, name: str, about: dict[str, Any]) -> Kept:
        """What has arrived is the blob of this name now, in the place of the one before."""
        arriving.close()
        file = self._file(name)
        with self._lock:
            file.parent.mkdir(exist_ok=True, mode=0o700)
            before = _cost(file)
            beside = self._about_file(file)
            beside.parent.mkdir(exist_ok=True, mode=0o700)
            new = arriving.file.with_suffix(".about")
            try:
                new.write_text(json.dumps(about))
                self._place(arriving, file, before)
                os.replace(new, beside)
            finally:
                new.unlink(missing_ok=True)
        return self.get(name)

    def put_block(self, arriving: Arriving, name: str, block: str) -> None:
        """What has arrived is a block of a blob to come, in the place of one of the same id (base64)."""
        arriving.close()
        folder = self._block_folder(name)
        with self._lock:
            folder.mkdir(exist_ok=True, mode=0o700)
            others = list(folder.iterdir())
            if any(len(other.name) != len(_plain(block)) for other in others):
                raise StoreRefused(400, "InvalidBlobOrBlock", "All block ids of a blob have the same length.")
            if len(others) >= MAX_BLOCKS:
                raise StoreRefused(
                    409, "BlockCountExceedsLimit", f"A blob has {MAX_BLOCKS} blocks at the most."
                )
            file = folder / _plain(block)
            before = _cost(file)
            self._place(arriving, file, before)

    def commit_blocks(self, name: str, blocks: list[str], about: dict[str, Any]) -> Kept:
        """A blob of these blocks, in this order; StoreRefused when one of them is not there."""
        folder = self._block_folder(name)
        arriving = self.begin()
        try:
            with self._lock:
                for block in blocks:
                    file = folder / _plain(block)
                    if not file.exists():
                        raise StoreRefused(400, "InvalidBlockList", "A block of the list was never put.")
                    with file.open("rb") as part:
                        while data := part.read(1 << 20):
                            arriving.write(data)
                kept = self.commit(arriving, name, about)
                self._drop(folder)
        finally:
            arriving.abort()
        return kept

    def _place(self, arriving: Arriving, file: Path, before: int) -> None:
        os.replace(arriving.file, file)
        cost = arriving.size + OVERHEAD
        with self._counting:
            self._flying -= cost
            self._kept += cost - before

    def sweep(self) -> None:
        """Discard the blocks that were not made a blob in time, and count anew: somebody may have removed files."""
        old = time.time() - BLOCKS_LIVE_S
        with self._lock:
            for folder in self._blocks.iterdir():
                if folder.stat().st_mtime < old:
                    shutil.rmtree(folder)
            beside = (self._new, self._about)
            kept = sum(
                _cost(file)
                for file in self._directory.rglob("*")
                if file.is_file() and not any(folder in file.parents for folder in beside)
            )
            with self._counting:
                self._kept = kept

    def _drop(self, folder: Path) -> None:
        if folder.exists():
            cost = sum(map(_cost, folder.iterdir()))
            shutil.rmtree(folder)
            with self._counting:
                self._kept -= cost

    def _file(self, name: str) -> Path:
        device, file = file_of(name)
        return self._directory / device / file

    def _about_file(self, file: Path) -> Path:
        return self._about / file.parent.name / file.name

    def _block_folder(self, name: str) -> Path:
        return self._blocks / hashlib.sha256(name.encode()).hexdigest()


def _cost(file: Path) -> int:
    try:
        return file.stat().st_size + OVERHEAD
    except FileNotFoundError:
        return 0


def _plain(block: str) -> str:
    # An id is up to 64 bytes, whatever they are.
    return base64.b64decode(block).hex() or "-"
