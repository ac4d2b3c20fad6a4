"""A real device process on either interpreter, for tests: started, listened to, stopped."""

import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

from ..paths import BOARDS, FIRMWARE, HOST, LIB, MICROPYTHON
from ..waiting import PATIENCE_S
from . import witness
from .pin_record import recorded

# Modules are compiled from source here, and stand-ins lie in the heap with them, so that a start takes some 150 KB,
# and 17 KB more with those for what a Pico W has in its firmware. What a conservative collector keeps is partly
# chance: a quarter is to spare.
HEAP = "208k"
PATHS = [FIRMWARE, LIB, HOST]
PICO_MODULES = HOST / "mock_gpio" / "pico"  # stand-ins for MicroPython's modules of a Pico W
# In a Pico's directory: the watchdog's scratch registers, and why it starts next. A reset keeps what power holds.
LOST_WITH_POWER = ("scratch.json", "cause")
RP2 = HOST / "mock_gpio" / "rp2.py"  # runs a program on MicroPython as a Pico W's firmware has it


class DeviceProcess:
    """``firmware/main.py`` in a directory of its own; its log is read line by line.

    ``heap``: MicroPython's heap. ``umqtt``: a folder that is searched for umqtt
    before the installed one. ``base``: the board file; ``board``: what differs from
    it, ``socket`` its console on CPython. ``before``: folders searched before all others. ``apps``: folders with more
    applications. ``wifi``: its credentials. ``program``: what is run in the place of ``main.py``.
    """

    def __init__(
        self,
        interpreter,
        folder,
        connection_string,
        ca_pem,
        board=None,
        heap=HEAP,
        umqtt=None,
        base="desktop",
        wifi=None,
        before=(),
        apps=(),
        program=FIRMWARE / "main.py",
    ):
        self.folder = folder.absolute()
        witness.keep_secret(connection_string, (wifi or {}).get("password"))
        folder.mkdir(exist_ok=True)
        settings = json.loads((BOARDS / f"{base}.json").read_text())
        self.socket = folder / "console" if interpreter == "cpython" else None
        if self.socket:
            # In the folder that the process runs in: a socket's path has 107 bytes at the most (unix(7)).
            settings["console"] = {"socket": self.socket.name}
        self.settings = {**settings, **(board or {})}
        (folder / "board.json").write_text(json.dumps(self.settings))
        (folder / "credentials.json").write_text(
            json.dumps({"connectionString": connection_string, "wifi": wifi})
        )
        (folder / "ca.pem").write_bytes(ca_pem)
        paths = ":".join(str(path) for path in [*before, *([umqtt] if umqtt else []), *PATHS, *apps])
        if interpreter == "micropython":
            self._command = [MICROPYTHON, "-X", f"heapsize={heap}", RP2]
            self._environment = {**os.environ, "MICROPYPATH": paths}
        else:
            self._command = [sys.executable, "-B", "-u"]
            self._environment = {**os.environ, "PYTHONPATH": paths}
        self.log = []
        self._program = program
        self._process = None

    def start(self):
        """Start it (again)."""
        (self.folder / "stop").unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [*self._command, self._program, self.folder],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process, self._lines), daemon=True).start()
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _listen(self, process, lines):
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    @property
    def pid(self):
        """Of the process that was started last."""
        return self._process.pid

    def type(self, line):
        """Type a line on its console."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def ask(self, line, limit=PATIENCE_S):
        """Type a line; the lines of the answer, the ``ok`` or ``err …`` included."""
        at = len(self.log)
        self.type(line)
        while not (self.log[at:] and re.match(r'ok$|err |\{.*"ok": (true|false)', self.log[-1])):
            self.wait_for("", limit)
        return self.log[at:]

    def wait_for(self, part, limit=PATIENCE_S):
        """The next log line that holds ``part``; fails when the process ends or time runs out."""
        end = time.monotonic() + limit
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {part!r} in:\n" + "\n".join(self.log)) from None
            if line is None:
                self._lines = None
                raise AssertionError(f"the device ended without {part!r}:\n" + "\n".join(self.log))
            self.log.append(line)
            if part in line:
                return line

    def must_say(self, part, limit=PATIENCE_S):
        """Wait until a line with ``part`` is in its log; one that was heard already will do."""
        if not any(part in line for line in self.log):
            self.wait_for(part, limit)

    def wait_for_end(self, limit=PATIENCE_S):
        """Its exit status."""
        status = self._process.wait(timeout=limit)
        self._drain()
        return status

    def stop(self):
        """Tell it to end, as twinkle run does; answers the exit status."""
        (self.folder / "stop").touch()
        try:
            status = self._process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._drain()
        self._testify()
        return status

    def _testify(self):
        written = [*(self.folder / "state").glob("*"), self.folder / "pins.jsonl"]
        witness.note(f"the log of {self.folder}", "\n".join(self.log))
        for file in written:
            if file.is_file():
                witness.note(str(file), file.read_text(errors="replace"))

    def _drain(self):
        # Everything it said before it ended, up to the mark that there is no more.
        while self._lines is not None:
            line = self._lines.get(timeout=PATIENCE_S)
            if line is None:
                self._lines = None
            else:
                self.log.append(line)

    def leds(self):
        """The levels the LED has shown."""
        pin = self.settings.get("led", {}).get("pin")
        return [
            entry["led"] if "led" in entry else entry["level"]
            for entry in self.pins()
            if "led" in entry or entry.get("pin") == pin
        ]

    def output(self, name):
        """The levels that the pin of an output has had, without repetitions."""
        pin = self.settings["outputs"][name]["pin"]
        levels = []
        for entry in self.pins():
            if entry.get("output") == name or (entry.get("pin") == pin and "led" not in entry):
                levels += [entry["level"]] if levels[-1:] != [entry["level"]] else []
        return levels

    def pins(self):
        """What its pins have done; a line that is half written is left out."""
        return recorded(self.folder / "pins.jsonl")[0]

    def record(self, name):
        """A record in its store, or None."""
        try:
            text = (self.folder / "state" / f"{name}.json").read_text()
        except FileNotFoundError:
            return None  # it may be removed at any moment
        return json.loads(text.splitlines()[0])

    def forget(self):
        """Remove its state."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)
