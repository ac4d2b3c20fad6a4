"""An author's way from nothing to an application that runs: ``twinkle new``, ``twinkle dev``."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from support import MICROPYTHON, TWINKLE, need

from twinkle_host.console.dialogue import Dialogue
from twinkle_host.console.line import SerialLine
from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.paths import cache_home
from twinkle_host.waiting import PATIENCE_S, eventually
from twinkle_host.workbench import notes
from twinkle_host.workbench.control import NAME

TEN_LINES = """from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "1s"})


@app.telemetry
def sample(board):
    return {"version": 1}
"""


@pytest.fixture
def home(tmp_path):
    return {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


@pytest.fixture
def folder(tmp_path):
    """An empty one, outside the repository."""
    made = tmp_path / "work"
    made.mkdir()
    return made


class Dev:
    """``twinkle dev --json``, listened to."""

    def __init__(self, home, folder, *arguments):
        self.begun = time.monotonic()
        self._process = subprocess.Popen(
            [TWINKLE, "dev", *map(str, arguments), "--json"],
            cwd=folder,
            env=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.heard = []
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(PATIENCE_S) == 0

    def wait_for(self, what, words):
        """The next line of this kind with these words; the seconds since it all began."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {what} with {words!r} in {self.heard}") from None
            assert line is not None, self.heard
            self.heard.append(line)
            if line["what"] == what and words in line["text"]:
                return time.monotonic() - self.begun


def saved(file, text):
    """As an editor does it that puts a new file in the place of the old one; in the same moment, as files tell it."""
    new = file.with_suffix(".new")
    new.write_text(text)
    before = file.stat()
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)


def test_a_file_in_an_empty_folder_runs_and_a_saved_edit_is_in_force_soon(home, folder, measured):
    file = folder / "app.py"
    file.write_text(TEN_LINES)
    with Dev(home, folder, "app.py") as dev:
        first = dev.wait_for("telemetry", '"version": 1')
        page = next(line["text"] for line in dev.heard if "in a browser" in line["text"]).split()[-1]
        with urllib.request.urlopen(page, timeout=PATIENCE_S) as answer:
            assert answer.status == 200, "the page's address opens it"
        begun = time.monotonic() - dev.begun
        saved(file, TEN_LINES.replace("1}", "2}"))
        second = dev.wait_for("telemetry", '"version": 2') - begun
        measured(
            f"twinkle dev: telemetry {first:.1f} s after the command, a saved edit in force after {second:.1f} s"
        )
        if not any("in force" in line["text"] for line in dev.heard):  # either may be first
            dev.wait_for("saved", "in force")
        called = subprocess.run(
            [TWINKLE, "twin", "get", "app"], env=home, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert json.loads(called.stdout)["properties"]["reported"]["configId"] == 1, called
    left = Path(home["HOME"], ".local/state/twinkle/hubs")
    assert left.read_text() == "", "no hub is left to be found"


def test_the_state_is_kept_from_one_version_to_the_next(home, folder):
    file = folder / "app.py"
    file.write_text(TEN_LINES)
    with Dev(home, folder, "app.py") as dev:
        dev.wait_for("info", "ready")
        patched = subprocess.run(
            [TWINKLE, "twin", "patch", "app", '{"configId": 7, "sendFrequency": "2s"}'],
            env=home,
            timeout=PATIENCE_S,
        )
        assert patched.returncode == 0
        dev.wait_for("info", "applied configuration 7")
        saved(file, TEN_LINES + "# another\n")
        dev.wait_for("info", "ready")
    with Dev(home, folder, "app.py") as dev:
        dev.wait_for("info", "ready")
    assert not any("applied configuration" in line["text"] for line in dev.heard), "it was in force already"


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
@pytest.mark.parametrize(
    ("text", "place", "error"),
    [
        (TEN_LINES.replace('{"version": 1}', '{"version": 1 / 0}'), "app.py:8", "ZeroDivisionError"),
        (TEN_LINES + "\n\nnobody()\n", "app.py:11", "NameError: name 'nobody' is"),
        (TEN_LINES + "def oops(:\n", "app.py:9", "SyntaxError"),
    ],
    ids=["in a handler", "at the import", "in the text"],
)
def test_an_error_is_shown_with_its_place_and_mended_by_saving(home, folder, text, place, error, interpreter):
    file = folder / "app.py"
    file.write_text(text)
    with Dev(home, folder, "app.py", "--interpreter", interpreter) as dev:
        dev.wait_for("error", f"{place}: {error}")
        saved(file, TEN_LINES)
        dev.wait_for("telemetry", '"version": 1')


def test_its_board_is_on_the_pages_bench(home, folder, monkeypatch):
    """It is seen and worked there as one that ``twinkle run`` runs, in this version and in the next."""
    file = folder / "app.py"
    file.write_text(TEN_LINES)
    with Dev(home, folder, "app.py") as dev:
        dev.wait_for("info", "ready")
        state = Path(home["HOME"], ".local/state/twinkle/devices/app")
        monkeypatch.chdir(state)  # a socket's path may not be long
        seen = eventually(lambda: (found := on_bench({"do": "watch"})["seen"])["running"] and found)
        assert seen["powered"] and [line["kind"] for line in seen["lines"]] == ["led"]
        assert notes.find(state / "hub", "app").folder == state
        on_bench({"do": "power", "on": False})
        eventually(lambda: not on_bench({"do": "watch"})["seen"]["running"])
        on_bench({"do": "power", "on": True})
        dev.wait_for("info", "ready")
        on_bench({"do": "power", "on": False})
        saved(file, TEN_LINES.replace("1}", "2}"))
        dev.wait_for("telemetry", '{"version": 2}')
        assert on_bench({"do": "watch"})["seen"]["powered"]
    assert notes.find(state / "hub", "app") is None


def on_bench(asked):
    """What a bench answers first."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(NAME)
        client.sendall(json.dumps(asked).encode() + b"\n")
        return json.loads(client.makefile().readline())


def test_an_error_in_a_method_that_goes_on_is_shown_with_its_place(home, folder):
    method = '\n\n@app.method("later")\ndef later(board, payload):\n    """It has a text."""\n    yield 202, None\n'
    (folder / "app.py").write_text(TEN_LINES + method + '    {}["x"]\n')
    with Dev(home, folder, "app.py") as dev:
        dev.wait_for("info", "ready")
        called = subprocess.run([TWINKLE, "method", "app", "later"], env=home, timeout=PATIENCE_S)
        assert called.returncode == 0
        dev.wait_for("error", "method later failed: app.py:15: KeyError: 'x'  {}[\"x\"]")


def test_a_version_that_is_no_python_leaves_the_one_before_running(home, folder):
    file = folder / "app.py"
    file.write_text(TEN_LINES)
    with Dev(home, folder, "app.py") as dev:
        dev.wait_for("telemetry", "version")
        saved(file, TEN_LINES + "def oops(:\n")
        dev.wait_for("error", "app.py:9: SyntaxError")
        dev.wait_for("dev", "the version before goes on running")
        dev.wait_for("telemetry", '"version": 1')


def test_a_board_file_that_is_saved_is_in_force_too_and_one_with_a_mistake_is_not(home, folder):
    subprocess.run([TWINKLE, "new", "attic"], cwd=folder, env=home, check=True, timeout=PATIENCE_S)
    board = {"port": "mock_gpio.port", "app": "attic.py", "sensor": {"model": "DHT22"}, "log": "info"}
    file = folder / "attic" / "desk.json"
    file.write_text(json.dumps(board))
    with Dev(home, folder / "attic", "attic.py", "--board", "desk.json") as dev:
        dev.wait_for("info", "ready")
        saved(file, json.dumps({**board, "log": "loud"}))
        dev.wait_for("error", "'log' must be one of debug, info")
        dev.wait_for("dev", "the version before goes on running")
        saved(file, json.dumps({**board, "clockOffset": None}))  # a board that does not know the time
        dev.wait_for("warning", "waiting for the clock")


# --- on a board


def test_a_saved_edit_is_soon_in_force_on_a_board_that_is_plugged_in(home, folder, tmp_path, measured):
    need(MICROPYTHON)
    file = folder / "app.py"
    file.write_text(TEN_LINES)
    with SerialBoard(tmp_path / "board") as board:
        place = ["--board", "pico_w", "--port", board.port, "--wifi", "home"]
        compiled = {"XDG_CACHE_HOME": str(cache_home().parent)}
        home = {**home, **compiled, "TWINKLE_WIFI_PASSWORD": "a secret of the house"}
        with Dev(home, folder, "app.py", *place) as dev:
            dev.wait_for("info", "")  # all its files are there
            dev.wait_for("telemetry", '"version": 1')
            begun = time.monotonic() - dev.begun
            saved(file, TEN_LINES.replace("1}", "2}"))
            dev.wait_for("saved", "in force")
            seconds = dev.heard[-1]["text"].split()[2]
            dev.wait_for("telemetry", '"version": 2')
            measured(f"twinkle dev, a board on a pseudo-terminal: a saved edit is in force after {seconds} s")
            assert dev.wait_for("telemetry", "version") > begun
            board.unplug()
            dev.wait_for("device", "has gone; it is waited for")
            board.plug_in(lambda: dev.wait_for("device", "is back"))
            dev.wait_for("info", "ready: ")
        line = SerialLine(board.port)
        assert Dialogue(line).ask("version").ok, "it is left running"
        line.close()
    assert "a secret of the house" not in json.dumps(dev.heard)


def test_a_board_that_is_not_there_is_said_before_anything_runs(home, folder):
    (folder / "app.py").write_text(TEN_LINES)
    run = {"cwd": folder, "env": home, "capture_output": True, "text": True, "timeout": PATIENCE_S}
    none = subprocess.run([TWINKLE, "dev", "app.py", "--board", "pico_w", "--port", "/dev/none"], **run)
    assert none.returncode == 3 and "/dev/none is not there; is the board plugged in?" in none.stderr, none
    wrong = subprocess.run([TWINKLE, "dev", "app.py", "--wifi", "home"], **run)
    assert wrong.returncode == 2 and "for a Pico W that is plugged in" in wrong.stderr


# --- a new one


def test_a_new_application_is_tested_and_runs_as_it_is(home, folder):
    made = subprocess.run(
        [TWINKLE, "new", "kitchen"], cwd=folder, env=home, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert made.returncode == 0 and "twinkle dev kitchen.py" in made.stdout, made
    project = folder / "kitchen"
    assert sorted(file.name for file in project.iterdir()) == [
        *("README.md", "board.json", "kitchen.json", "kitchen.py", "test_kitchen.py"),
    ]
    assert "NAME" not in "".join(file.read_text() for file in project.iterdir())
    again = subprocess.run([TWINKLE, "new", "kitchen"], cwd=folder, env=home, capture_output=True, text=True)
    assert again.returncode == 1 and "kitchen exists already" in again.stderr
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env=home,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    assert tested.returncode == 0 and "12 passed" in tested.stdout, tested.stdout
    with Dev(home, project, "kitchen.py") as dev:
        dev.wait_for("telemetry", '"humidity"')
    with Dev(home, project, "kitchen.py", "--board", "board.json", "--mock") as dev:
        dev.wait_for("telemetry", '"humidity"')


@pytest.mark.parametrize("name", ["", "my-app", "9lives", "_x", "x_", "a/b", "x" * 65])
def test_what_is_no_name_is_refused(home, folder, name):
    done = subprocess.run([TWINKLE, "new", "--", name], cwd=folder, env=home, capture_output=True, text=True)
    assert done.returncode == 2 and "is no name for an application" in done.stderr
    assert list(folder.iterdir()) == []
