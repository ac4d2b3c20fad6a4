"""Flashing a board that runs MicroPython: compare, copy, verify, restart."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..failure import Failure
from .compiling import MPY_VERSION
from .plan import OURS, Plan, hashes, make_plan
from .serial_link import SerialLink

READY_S = 40.0  # until the device is ready: Wi-Fi, clock and TLS take their time
LINE = re.compile(r"\d+\.\d{3} (\w+) (.*)")  # of the device's log
HOLD = "/hold"
PORT_MODULE = "twinkle.ports.pico"  # what board files of such boards name

# Prints {path: SHA-256} of what lies where our files lie; folders end with a slash. A line for each
# file, so that a slow flash is not taken for a dead board.
LOOK = """
import binascii, hashlib, json, os
def look(folder, deep):
    try:
        entries = list(os.ilistdir("/" + folder))
    except OSError:
        return
    for entry in entries:
        path = folder + entry[0]
        if entry[1] == 0x8000:
            digest = hashlib.sha256()
            with open("/" + path, "rb") as file:
                while True:
                    block = file.read(512)
                    if not block:
                        break
                    digest.update(block)
            print(json.dumps([path, binascii.hexlify(digest.digest()).decode()]))
        elif deep:
            look(path + "/", True)
            print(json.dumps([path + "/", ""]))
look("", False)
for folder in %r:
    look(folder, True)
"""
MODEL = """
import json, sys
try:
    with open("/board.json") as file:
        name = json.load(file)["app"]
    __import__(name)
    print(json.dumps(sys.modules[name].app.model_id))
except (OSError, ValueError, KeyError, ImportError, AttributeError):
    print("null")
"""
# The credentials themselves stay on the board.
ASSIGNED = """
try:
    with open("/credentials.json") as file:
        print("IdScope" in file.read())
except OSError:
    print(False)
"""
FACTS = """
import json, sys
print(json.dumps([sys.implementation.name, sys.implementation.version[:3], getattr(sys.implementation, "_mpy", 0)]))
"""


class Pico:
    """The board at the other end of ``link``."""

    def __init__(self, link: SerialLink):
        self._link = link

    def check(self, board: dict[str, Any]) -> str:
        """Its MicroPython's version; Failure when that is too old for the board file, or is none."""
        name, version, mpy = json.loads(self._link.run(FACTS))
        text = ".".join(map(str, version))
        least = board.get("micropython", "0")
        if name != "micropython":
            raise Failure(f"the board runs {name}; install MicroPython {least} or newer (--uf2)")
        if tuple(version) < tuple(map(int, least.split("."))):
            raise Failure(f"the board runs MicroPython {text}; install {least} or newer (--uf2)")
        if mpy & 0xFF != MPY_VERSION:
            raise Failure(
                f"the board's MicroPython {text} reads .mpy of version {mpy & 0xFF}, and not {MPY_VERSION}; "
                "install one that does (--uf2)"
            )
        return text

    def release(self) -> str | None:
        """The release that is on the board, or None."""
        content = self._link.read("/board.json")
        try:
            return json.loads(content)["release"] if content else None
        except (ValueError, KeyError, TypeError):
            return None  # the file of somebody else, or of an interrupted copy

    def model_id(self) -> str | None:
        """The model of the application on the board, or None."""
        return json.loads(self._link.run(MODEL))

    def is_assigned_its_hub(self) -> bool:
        """Whether its credentials have it ask the provisioning service for its hub."""
        return self._link.run(ASSIGNED).strip() == "True"

    def look(self) -> dict[str, str]:
        """The hashes of what lies where our files lie."""
        return dict(json.loads(line) for line in self._link.run(LOOK % (OURS,)).splitlines())

    def carry_out(self, plan: Plan, files: dict[str, bytes], progress: Callable[[int], Any]) -> None:
        """Do what the plan says. While it is done, a restart does not run a mixture."""
        if plan:
            self._link.unfinished = (
                "the board keeps to its prompt until its files are whole: run the same again"
            )
            self._link.write(HOLD, b"")
            for path in plan.remove:
                verb = "rmdir" if path.endswith("/") else "remove"
                self._link.run(f"import os\nos.{verb}({'/' + path.rstrip('/')!r})")
            for path in plan.copy:
                self._link.write(path, files[path], progress)
            left = make_plan(hashes(files), self.look())
            if left:
                raise Failure(
                    f"{', '.join(left.copy + left.remove)} came out wrong on the board; is its flash worn?"
                )
        self._link.run(f"import os\ntry:\n os.remove({HOLD!r})\nexcept OSError:\n print('none')")
        self._link.unfinished = None

    def start(self) -> Iterator[str]:
        """Restart it; what it says until it is ready, or has nothing more to say."""
        with self._link.restart() as line:
            end = time.monotonic() + READY_S
            text = b""
            while time.monotonic() < end:
                try:
                    text += line.read(line.in_waiting or 1)
                except OSError:
                    return
                *whole, text = text.split(b"\n")
                for said in whole:
                    said = said.decode(errors="replace").strip()
                    yield said
                    if is_ready(said):
                        return
                if text == b">>> ":
                    return


def is_ready(line: str) -> bool:
    """Whether the device's log says with this line that it is connected and reconciled."""
    found = LINE.fullmatch(line)
    return bool(found) and found[2].startswith("ready: ")
