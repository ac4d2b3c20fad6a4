"""The power may go at any moment of a write: on a real littlefs, and on Linux at each step of the store."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, run_micropython

from twinkle.runtime.store import Store
from twinkle_host.waiting import PATIENCE_S

HERE = Path(__file__).parent
STORIES = ("replaced", "the first", "the first beside another", "removed", "replaced by a long one")
MOST_ERASES, MOST_BYTES = 0.33, 1400  # for each applied configuration


@pytest.fixture(scope="module")
def told():
    done = run_micropython(HERE / "power_cuts.py", heap="1m")
    return done.stdout + done.stderr


@pytest.mark.parametrize("story", [*STORIES, "a long one replaced"])
def test_on_littlefs_the_old_record_or_the_new_one_is_there(told, story):
    (line,) = [line for line in told.splitlines() if line.split(" cuts ")[0] == f"ok {story}"] or [told]
    assert line.startswith("ok ") and int(line.split(" cuts ")[1]) >= 3, told


def test_a_configuration_wears_the_flash_little(told, measured):
    (line,) = [line for line in told.splitlines() if line.startswith("wear ")] or [told]
    erases, programmed = map(float, line.split()[1:])
    measured(f"for each applied configuration: {erases:.2f} erases, {programmed:.0f} bytes programmed")
    assert erases <= MOST_ERASES and programmed <= MOST_BYTES


# Replaces what the store asks of the system by the same, with the end of the process before its
# k-th step; of a write, half has reached the disk. Prints how many steps there were.
STEPS = """
import builtins, os, signal, sys
sys.path.insert(0, {firmware!r})
from twinkle import compat
from twinkle.runtime import store

left = int(sys.argv[1])

def counted(function):
    def step(*arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return step

class File:
    def __init__(self, *arguments):
        self._file = open(*arguments, buffering=0)
    def write(self, data):
        counted(self._file.write)(data[: len(data) // 2])
        counted(self._file.write)(data[len(data) // 2 :])
    def flush(self):
        counted(self._file.flush)()
    def __getattr__(self, name):
        return getattr(self._file, name)
    def __enter__(self):
        return self
    def __exit__(self, *_):
        counted(self._file.close)()

it = store.Store({path!r}, lambda level, text: None)
it.load("config")
store.open = lambda *arguments: counted(File)(*arguments)
for name in ("rename", "remove", "fsync", "open"):
    setattr(os, name, counted(getattr(os, name)))
it.save("config", {record!r})
print(left)
"""


def cut(tmp_path, k, record):
    program = STEPS.format(firmware=str(ROOT / "firmware"), path=str(tmp_path / "state"), record=record)
    return subprocess.run(
        [sys.executable, "-B", "-c", program, str(k)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("after", [{"configId": 4}, None], ids=["replaced", "removed"])
def test_on_linux_a_process_killed_at_any_step_leaves_the_old_record_or_the_new_one(tmp_path, after):
    before = {"configId": 3}
    found = []
    for k in range(1, 100):
        store = Store(str(tmp_path / "state"), lambda level, text: None)
        store.load("config")
        store.save("config", before)
        done = cut(tmp_path, k, after)
        again = Store(str(tmp_path / "state"), lambda level, text: None)
        found.append(again.load("config"))
        assert found[-1] in (before, after) and again.damaged == [], (k, found)
        again.save("config", {"after": k})
        assert json.loads((tmp_path / "state" / "config.json").read_text().splitlines()[0]) == {"after": k}
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert found[0] == before and found[-1] == after and len(found) >= 3
