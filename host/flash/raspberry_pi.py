"""What is installed on a Raspberry Pi, and how it is kept up to date.

    /opt/twinkle              the device's files, umqtt.simple among them, and what the
                              service needs; its virtual environment is made there
    /etc/systemd/system       the service, and the unit that prepares its start
    /etc/polkit-1/rules.d     that the device may restart the computer
    /opt/twinkle/wheels       Python packages that were given along, for a Pi that finds none
    /etc/twinkle              board.json here, credentials from ``twinkle provision``
    /var/lib/twinkle          the device's state, which it makes itself

A list of what was installed, and of the folders that were made for it, is kept in
/opt/twinkle; an upgrade removes what has left it, and uninstalling removes what is in it.
A board file that was edited there, the credentials and the state are kept by both, and
wheels by an upgrade that brings none.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ..device_json import written
from ..failure import NOT_FOUND, Failure
from . import image
from .plan import Plan
from .target import Entry, Target

PORT_MODULE = "twinkle.ports.rpi"  # what board files of such boards name
HOME, SETTINGS, STATE = "/opt/twinkle", "/etc/twinkle", "/var/lib/twinkle"
UNITS, POLKIT = "/etc/systemd/system", "/etc/polkit-1/rules.d"
LIST = f"{HOME}/installed.json"
BOARD = f"{SETTINGS}/board.json"
WHEELS = f"{HOME}/wheels"
CONSOLE = f"{HOME}/console"
FILES = Path(__file__).parent / "raspberry_pi_files"
PREPARE_S = 1800.0  # what making the virtual environment may take on an old Pi
READY_S = 180.0  # from the start of the service until the device has its hub
# What the program ``prepare`` says at its end; a step that "failed for now" is tried again soon.
PREPARED = "prepare: done"
CANNOT_PREPARE = re.compile(r"prepare: .* failed\. .*")
# What prepares the start is stopped first, since it may be about to start the service; and only what is logged
# after both have ended is heard, since a device that has just become ready may say so while it is stopped.
START = """
systemctl daemon-reload
systemctl stop twinkle-prepare.service 2>/dev/null || true
systemctl stop twinkle.service 2>/dev/null || true
cursor=$(journalctl --lines 1 --output cat --show-cursor | sed -n 's/^-- cursor: //p')
systemctl start twinkle-prepare.service
"""
FOLLOW = """
exec timeout "$1" journalctl --follow --no-tail --output cat ${cursor:+"--after-cursor=$cursor"} \
  --unit twinkle-prepare.service --unit twinkle.service
"""


def wheels_in(folder: Path) -> list[Path]:
    """The wheels in a folder; Failure when there is none."""
    found = sorted(folder.glob("*.whl"))
    if not found:
        raise Failure(f"{folder} holds no wheel (*.whl); pip wheel makes them, on a Raspberry Pi", NOT_FOUND)
    return found


def tree(sources: dict[str, Path], umqtt: Path, wheels: list[Path]) -> dict[str, Entry]:
    """Everything that is installed, by path, but for the board file and the list.

    ``sources`` are the device's files by their paths below its own folder.
    """
    files = {**sources, "umqtt/simple.py": image.existing(umqtt)}
    entries = {f"{HOME}/firmware/{path}": Entry(source.read_bytes()) for path, source in files.items()}
    return {
        **entries,
        **{f"{WHEELS}/{wheel.name}": Entry(wheel.read_bytes()) for wheel in wheels},
        f"{HOME}/requirements.txt": Entry((FILES / "requirements.txt").read_bytes()),
        **{f"{HOME}/{file.name}": Entry(file.read_bytes()) for file in FILES.glob("backend-*.txt")},
        f"{HOME}/prepare": Entry((FILES / "prepare").read_bytes(), 0o755),
        f"{HOME}/check_imports.py": Entry((FILES / "check_imports.py").read_bytes()),
        CONSOLE: Entry((FILES / "console.py").read_bytes(), 0o755),
        f"{HOME}/sysusers.conf": Entry((FILES / "sysusers.conf").read_bytes()),
        f"{UNITS}/twinkle.service": Entry((FILES / "twinkle.service").read_bytes()),
        f"{UNITS}/twinkle-prepare.service": Entry((FILES / "twinkle-prepare.service").read_bytes()),
        f"{UNITS}/multi-user.target.wants/twinkle-prepare.service": Entry(
            link=f"{UNITS}/twinkle-prepare.service"
        ),
        f"{POLKIT}/50-twinkle.rules": Entry((FILES / "50-twinkle.rules").read_bytes()),
    }


class RaspberryPi:
    """An installation on ``target``."""

    def __init__(self, target: Target):
        self.target = target
        content = target.read(LIST)
        try:
            self._list = json.loads(content) if content else {}
        except ValueError:
            self._list = {}  # an interrupted installation: everything is looked at anew

    @property
    def release(self) -> str | None:
        """The release that is installed, or None."""
        return self._list.get("release")

    def plan(self, wanted: dict[str, Entry]) -> Plan:
        """What to write and what to remove."""
        there = self.target.hashes(list(wanted))
        copy = [path for path, entry in wanted.items() if there.get(path) != _digest(entry)]
        kept = {BOARD, *self._kept_wheels(wanted)}
        remove = [path for path in self._list.get("files", {}) if path not in wanted and path not in kept]
        return Plan(copy, remove, [path for path in wanted if path not in copy])

    def _kept_wheels(self, wanted: dict[str, Entry]) -> dict[str, str]:
        if any(path.startswith(WHEELS) for path in wanted):
            return {}
        return {path: hash for path, hash in self._list.get("files", {}).items() if path.startswith(WHEELS)}

    def install(self, wanted: dict[str, Entry], board: dict[str, Any], plan: Plan) -> str | None:
        """Carry out the plan; a note when the board file there was edited and so is kept."""
        note = None
        folders = sorted({*self._list.get("folders", []), *self.target.missing(_folders([*wanted, BOARD]))})
        # First of all: an installation that is interrupted knows which folders it made.
        self._keep_list({**self._list, "folders": folders})
        settings = Entry(written(board, 2) + b"\n")
        there = self.target.hashes([BOARD]).get(BOARD)
        if there not in (None, _digest(settings), self._list.get("files", {}).get(BOARD)):
            note = f"{BOARD} was edited there and is kept"
        elif there != _digest(settings):
            self.target.put({BOARD: settings})
        self.target.put({path: wanted[path] for path in plan.copy})
        if plan.remove:
            self._remove_compiled()
            self.target.remove(plan.remove, self._folders())
        files = {path: _digest(entry) for path, entry in wanted.items()} | {BOARD: _digest(settings)}
        files |= self._kept_wheels(wanted)
        self._keep_list({"release": image.release(), "files": files, "folders": folders})
        left = self.plan(wanted)
        if left.copy:
            raise Failure(f"{', '.join(left.copy)} came out wrong; is the card full or worn?")
        return note

    def _keep_list(self, document: dict[str, Any]) -> None:
        self._list = document
        self.target.put({LIST: Entry(json.dumps(document, indent=1).encode())})

    def start(self) -> None:
        """On a computer that runs: have the service prepared and started, and wait for nothing."""
        self.target.run(START)

    def start_and_listen(self) -> Iterator[str]:
        """The same, and what is logged there, until that cannot be prepared or time is up."""
        with self.target.talk(START + FOLLOW, str(int(PREPARE_S + READY_S))) as said:
            end = time.monotonic() + PREPARE_S
            while (line := said.line(end - time.monotonic())) is not None:
                yield line
                if line == PREPARED:
                    end = time.monotonic() + READY_S
                elif CANNOT_PREPARE.fullmatch(line):
                    return

    def uninstall(self, purge: bool) -> list[str]:
        """Remove what was installed; with ``purge`` also credentials, settings and state. What was removed."""
        if self.target.is_running:
            self.target.run(
                "systemctl disable --now twinkle-prepare.service twinkle.service 2>/dev/null || true"
            )
        files = self._list.get("files", {})
        edited = self.target.hashes([BOARD]).get(BOARD) != files.get(BOARD)
        removed = [path for path in files if path != BOARD or not edited]
        if files:
            # Made there by the service's own preparation, as is the virtual environment.
            self._remove_compiled()
            made = [self.target.path(f"{HOME}/{name}") for name in ("venv", "cache")]
            self.target.run('rm -rf -- "$@"', *made)
            self.target.remove([*removed, LIST], [*self._folders(), WHEELS])
        if purge:
            self.target.run('rm -rf -- "$1" "$2"', self.target.path(SETTINGS), self.target.path(STATE))
            removed += [SETTINGS, STATE]
        if self.target.is_running:
            self.target.run("systemctl daemon-reload")
        return removed

    def _folders(self) -> list[str]:
        """What was made for the installation: what is its own alone, and what is noted."""
        own = [path for path in _folders(self._list.get("files", {})) if path.startswith((HOME, SETTINGS))]
        return [*own, *self._list.get("folders", [])]

    def _remove_compiled(self) -> None:
        self.target.run(
            'find "$1" -name __pycache__ -prune -exec rm -rf -- {} + 2>/dev/null || true',
            self.target.path(f"{HOME}/firmware"),
        )


def _folders(paths: Iterable[str]) -> list[str]:
    """All folders that these files lie in, but for the root."""
    return sorted({str(folder) for path in paths for folder in PurePosixPath(path).parents} - {"/"})


def _digest(entry: Entry) -> str:
    return entry.link if entry.link is not None else hashlib.sha256(entry.content).hexdigest()
