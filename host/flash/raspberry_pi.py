"""What is installed on a Raspberry Pi, and how it is kept up to date.

    /opt/twinkle              the device's files, umqtt.simple among them, and what the
                              service needs; its virtual environment is made there
    /etc/systemd/system       the service, and the unit that prepares its start
    /etc/polkit-1/rules.d     that the device may restart the computer
    /etc/twinkle              board.json here, credentials from ``twinkle provision``
    /var/lib/twinkle          the device's state, which it makes itself

A list of what was installed is kept in /opt/twinkle; an upgrade removes what has left
it, and uninstalling removes what is in it. A board file that was edited there, the
credentials and the state are kept by both.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from ..failure import Failure
from . import image
from .plan import Plan
from .target import Entry, Target

PORT_MODULE = "twinkle.ports.rpi"  # what board files of such boards name
HOME, SETTINGS, STATE = "/opt/twinkle", "/etc/twinkle", "/var/lib/twinkle"
UNITS, POLKIT = "/etc/systemd/system", "/etc/polkit-1/rules.d"
LIST = f"{HOME}/installed.json"
BOARD = f"{SETTINGS}/board.json"
FILES = Path(__file__).parent / "raspberry_pi_files"
PREPARE_S = 1800.0  # what making the virtual environment may take on an old Pi


def tree(board: dict[str, Any], sources: dict[str, Path], umqtt: Path) -> dict[str, Entry]:
    """Everything that is installed for a board, by path, but for its board file and the list.

    ``sources`` are the device's files by their paths below its own folder.
    """
    files = {**sources, "umqtt/simple.py": image.existing(umqtt)}
    entries = {f"{HOME}/firmware/{path}": Entry(source.read_bytes()) for path, source in files.items()}
    requirements = FILES / f"requirements-{board['gpio']}.txt"
    return {
        **entries,
        f"{HOME}/requirements.txt": Entry(requirements.read_bytes()),
        f"{HOME}/prepare": Entry((FILES / "prepare").read_bytes(), 0o755),
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
        remove = [path for path in self._list.get("files", {}) if path not in wanted and path != BOARD]
        return Plan(copy, remove, [path for path in wanted if path not in copy])

    def install(self, wanted: dict[str, Entry], board: dict[str, Any], plan: Plan) -> str | None:
        """Carry out the plan; a note when the board file there was edited and so is kept."""
        note = None
        settings = Entry(json.dumps(board, indent=2).encode() + b"\n")
        there = self.target.hashes([BOARD]).get(BOARD)
        if there not in (None, _digest(settings), self._list.get("files", {}).get(BOARD)):
            note = f"{BOARD} was edited there and is kept"
        elif there != _digest(settings):
            self.target.put({BOARD: settings})
        self.target.put({path: wanted[path] for path in plan.copy})
        if plan.remove:
            self._remove_compiled()
            self.target.remove(plan.remove)
        files = {path: _digest(entry) for path, entry in wanted.items()} | {BOARD: _digest(settings)}
        document = json.dumps({"release": image.release(), "files": files}, indent=1)
        self.target.put({LIST: Entry(document.encode())})
        left = self.plan(wanted)
        if left.copy:
            raise Failure(f"{', '.join(left.copy)} came out wrong; is the card full or worn?")
        return note

    def start(self) -> str:
        """On a computer that runs: prepare and start the service; the last lines it has logged."""
        self.target.run(
            "systemctl daemon-reload; systemctl stop twinkle.service 2>/dev/null || true;"
            "systemctl restart twinkle-prepare.service",
            limit=PREPARE_S,
        )
        return self.target.run("journalctl --unit twinkle.service --lines 5 --output cat --no-pager").decode()

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
            self.target.remove([*removed, LIST])
            self.target.run('rm -rf -- "$1"', self.target.path(f"{HOME}/venv"))
            self.target.run('rmdir -- "$1" 2>/dev/null || true', self.target.path(HOME))
        if purge:
            self.target.run('rm -rf -- "$1" "$2"', self.target.path(SETTINGS), self.target.path(STATE))
            removed += [SETTINGS, STATE]
        if self.target.is_running:
            self.target.run("systemctl daemon-reload")
        return removed

    def _remove_compiled(self) -> None:
        self.target.run(
            'find "$1" -name __pycache__ -prune -exec rm -rf -- {} + 2>/dev/null || true',
            self.target.path(f"{HOME}/firmware"),
        )


def _digest(entry: Entry) -> str:
    return entry.link if entry.link is not None else hashlib.sha256(entry.content).hexdigest()
