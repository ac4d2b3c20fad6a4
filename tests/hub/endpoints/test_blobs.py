"""The files of the store, under several threads and on a disk that fails."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from twinkle_host.hub import blobs
from twinkle_host.hub.blobs import BLOCKS_LIVE_S, OVERHEAD, BlobStore, StoreRefused

LIMIT = 1 << 20


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "uploads", LIMIT)


def put(store, name, data, about=None):
    arriving = store.begin()
    try:
        arriving.write(data)
        return store.commit(arriving, name, about or {})
    finally:
        arriving.abort()


def on_disk(store):
    return sum(file.stat().st_size for file in store._directory.rglob("*") if file.is_file()) - sum(
        file.stat().st_size for file in store._about.rglob("*") if file.is_file()
    )


def test_many_at_once_never_have_more_than_there_is_room_for(store):
    size = LIMIT // 8

    def one(number):
        try:
            put(store, f"dev{number % 3}/{number}", b"x" * size)
        except StoreRefused:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(one, range(40)))
    assert done == LIMIT // (size + OVERHEAD) and store.refused == 40 - done
    assert store.used == done * (size + OVERHEAD) and on_disk(store) == done * size


def test_a_disk_that_fails_at_any_step_leaves_what_was_there(store, monkeypatch, tmp_path):
    """open(2), write(2), rename(2): ENOSPC, EDQUOT, EIO."""
    put(store, "dev/a", b"first", {"type": "text/plain"})
    used = store.used
    real = {"replace": os.replace, "open": type(tmp_path).open, "write_text": type(tmp_path).write_text}

    def fail(*arguments, **__):
        if step == "write_text":  # which has made the file empty by then
            arguments[0].write_bytes(b"")
        raise OSError(errno.ENOSPC, "No space left on device")

    for step in real:
        with monkeypatch.context() as patch:
            patch.setattr(blobs.os if step == "replace" else type(tmp_path), step, fail)
            with pytest.raises(OSError, match="No space"):
                put(store, "dev/a", b"second")
        assert store.used == used and store.get("dev/a").file.read_bytes() == b"first", step
        assert store.get("dev/a").about == {"type": "text/plain"}, step
        assert not list(store._new.iterdir()), step
    put(store, "dev/a", b"third", {"type": "text/csv"})
    assert store.get("dev/a").size == 5 and store.used == used
    assert store.get("dev/a").about == {"type": "text/csv"}


def test_what_is_known_beside_a_blob_may_be_lost_with_the_power(store):
    kept = put(store, "dev/a", b"x")
    store._about_file(kept.file).write_text('{"type": "te')
    assert store.get("dev/a").about == {}


def test_blocks_that_no_list_takes_are_discarded_after_a_week(store, tmp_path):
    """Storage services, "Put Block": "…within a week"."""
    arriving = store.begin()
    arriving.write(b"x" * 1000)
    store.put_block(arriving, "dev/a", "MQ==")
    (folder,) = store._blocks.iterdir()
    assert store.used == 1000 + OVERHEAD
    then = folder.stat().st_mtime - BLOCKS_LIVE_S - 1
    os.utime(folder, (then, then))
    store.sweep()
    assert store.used == 0 and not list(store._blocks.iterdir())


def test_the_blocks_of_a_blob_have_ids_of_one_length_and_replace_one_another(store):
    for data in (b"old", b"newer"):
        arriving = store.begin()
        arriving.write(data)
        store.put_block(arriving, "dev/a", "MQ==")
    assert store.used == 5 + OVERHEAD
    arriving = store.begin()
    with pytest.raises(StoreRefused) as refused:
        store.put_block(arriving, "dev/a", "MTA=")
    arriving.abort()
    assert refused.value.code == "InvalidBlobOrBlock"
    assert store.commit_blocks("dev/a", ["MQ==", "MQ=="], {}).size == 10
    assert store.used == 10 + OVERHEAD
