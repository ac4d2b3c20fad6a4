"""The store: whole or not at all, and no write that changes nothing. On both interpreters."""

import json
import os
import subprocess
import sys

import pytest
from support import ROOT, run_micropython

from twinkle.core.errors import HardwareError
from twinkle.runtime.store import Store
from twinkle_host.waiting import PATIENCE_S

CONFIG = {"configId": 3, "sendFrequency": "5m"}


class Room:
    def __init__(self, path):
        self.path = path
        self.log = []
        self.store = Store(str(path), lambda level, text: self.log.append(text))


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path / "state")


def test_a_record_comes_back_as_it_went(room):
    room.store.save("config", CONFIG)
    assert Room(room.path).store.load("config") == CONFIG


def test_a_record_that_was_never_written_is_none(room):
    assert room.store.load("config") is None


def test_what_has_not_changed_is_not_written(room):
    room.store.save("config", CONFIG)
    room.store.save("config", dict(CONFIG))
    again = Room(room.path).store
    again.load("config")
    again.save("config", CONFIG)
    assert (room.store.writes, again.writes) == (1, 0)


def test_none_removes_a_record_once(room):
    room.store.save("reboot", {"requested": None})
    room.store.save("reboot", None)
    room.store.save("reboot", None)
    assert room.store.writes == 2
    assert os.listdir(room.path) == []


@pytest.mark.parametrize("where", [0, 5, -1, -10])
def test_one_flipped_bit_is_noticed_and_the_record_put_aside(room, where):
    room.store.save("config", CONFIG)
    file = room.path / "config.json"
    data = bytearray(file.read_bytes())
    data[where] ^= 1
    file.write_bytes(data)
    again = Room(room.path)
    assert again.store.load("config") is None
    assert len(again.store.damaged) == 1
    assert (room.path / "config.json.bad").read_bytes() == data
    assert "damaged" in again.log[0]


@pytest.mark.parametrize("length", range(0, 48, 7))
def test_a_cut_record_is_noticed(room, length):
    room.store.save("config", CONFIG)
    file = room.path / "config.json"
    file.write_bytes(file.read_bytes()[:length])
    assert Room(room.path).store.load("config") is None


def test_a_write_that_was_cut_leaves_the_old_record(room):
    room.store.save("config", CONFIG)
    (room.path / "config.json.new").write_bytes(b'{"configId": 4')
    assert Room(room.path).store.load("config") == CONFIG


def test_a_record_that_is_too_large_is_refused(room):
    with pytest.raises(HardwareError, match="over 4096"):
        room.store.save("config", {"x": "y" * 5000})


# A real full disk: the kernel refuses to let these processes write files beyond a limit.
FULL_DISK = """
import sys
sys.path.insert(0, {firmware!r})
from twinkle.core.errors import HardwareError
from twinkle.runtime.store import Store
store = Store({path!r}, lambda level, text: None)
assert store.load("config") == {{"configId": 3, "sendFrequency": "5m"}}
try:
    store.save("config", {{"configId": 4, "sendFrequency": "x" * 3000}})
except HardwareError as error:
    print("refused:", error)
print(store.load("config"))
"""


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_full_disk_is_an_error_and_the_old_record_stays(room, tmp_path, interpreter):
    room.store.save("config", CONFIG)
    file = tmp_path / "full.py"
    file.write_text(FULL_DISK.format(firmware=str(ROOT / "firmware"), path=str(room.path)))
    # Files may not grow beyond 1 KiB; SIGXFSZ is ignored so that the write fails instead.
    limit = ["bash", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "limit"]
    if interpreter == "cpython":
        done = subprocess.run(
            [*limit, sys.executable, "-B", file],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    else:
        done = run_micropython(file, before=limit)
    assert "refused: flash:" in done.stdout, done.stdout + done.stderr
    assert "is it full?" in done.stdout
    assert sorted(os.listdir(room.path)) == ["config.json"]
    assert Room(room.path).store.load("config") == CONFIG


def test_micropython_writes_the_same_bytes_as_cpython(room, tmp_path):
    room.store.save("config", {"configId": 3})
    file = tmp_path / "write.py"
    file.write_text(
        "from twinkle.runtime.store import Store\n"
        f"Store({str(tmp_path / 'other')!r}, print).save('config', {{'configId': 3}})\n"
    )
    done = run_micropython(file)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "other" / "config.json").read_bytes() == (room.path / "config.json").read_bytes()
    assert json.loads((room.path / "config.json").read_text().splitlines()[0]) == {"configId": 3}


def test_a_small_record_is_read_where_the_heap_is_in_small_pieces(room, tmp_path):
    """MicroPython's read(size) sets ``size`` bytes apart, in one piece, however small the file is."""
    room.store.save("config", CONFIG)
    file = tmp_path / "read.py"
    file.write_text(
        "from twinkle.runtime.store import Store\n"
        f"store = Store({str(room.path)!r}, print)\n"
        "store.load('config')\n"  # the modules that it takes are there
        "pieces = [None] * 1000\n"
        "try:\n"
        "    for number in range(1000):\n"
        "        pieces[number] = bytearray(2000)\n"
        "except MemoryError:\n"
        "    for each in range(0, number, 2):\n"
        "        pieces[each] = None\n"
        "print(store.load('config')['configId'])\n"
    )
    done = run_micropython(file, heap="256k")
    assert done.stdout == "3\n", done.stderr
