"""Where the hub's page finds the boards of this computer: a note for each in the hub's directory.

It is as private as that directory, whose owner alone may read it, and so is the socket that it names.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from ..paths import device_folder
from ..private_file import write_private

FOLDER = "boards"


@dataclass(frozen=True)
class Note:
    """A board: its device, the folder with its socket, and the process that serves that."""

    device_id: str
    folder: Path
    pid: int


def leave(hub_state: Path, device_id: str, folder: Path) -> Path:
    """Say that this process serves the bench of this device; answers the file to remove."""
    file = _file(hub_state, device_id)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    told = {"deviceId": device_id, "folder": str(folder), "pid": os.getpid()}
    write_private(file, json.dumps(told).encode())
    return file


def find(hub_state: Path, device_id: str) -> Note | None:
    """The board of a device, if it is on this computer and still there."""
    file = _file(hub_state, device_id)
    try:
        told = json.loads(file.read_text())
        os.kill(told["pid"], 0)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError):
        file.unlink(missing_ok=True)  # its process was killed
        return None
    return Note(told["deviceId"], Path(told["folder"]), told["pid"])


def _file(hub_state: Path, device_id: str) -> Path:
    return hub_state / FOLDER / f"{device_folder(device_id).name}.json"
