"""Where things are: the project's own folders, and the hub's state on this computer."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"
HOST = ROOT / "host"
BOARDS = ROOT / "boards"
PRIVATE = ROOT / ".twinkle"
MICROPYTHON = PRIVATE / "bin" / "micropython"
UMQTT = PRIVATE / "lib" / "umqtt" / "simple.py"


def state_home() -> Path:
    """The user's folder for state (XDG base directories), below which ours is kept."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "twinkle"


def cache_home() -> Path:
    """The user's folder for what can be made again (XDG base directories), below which ours is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twinkle"


def default_hub_state() -> Path:
    """Where ``twinkle hub`` keeps its state unless told otherwise."""
    return state_home() / "hub"


def current_hub() -> Path:
    """The file that names the state directory of the local hub started last."""
    return state_home() / "current-hub"
