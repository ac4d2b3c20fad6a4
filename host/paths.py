"""Where things are: what Twinkle is made of, and what it keeps on this computer.

In a clone they are the project's own folders, with what set-up brought in ``.twinkle``. A wheel has them inside
the package, in the folder ``files``, but for MicroPython, which is no Python package.
"""

import os
import shutil
from pathlib import Path

HOST = Path(__file__).resolve().parent
INSIDE = HOST / "files"
IS_CLONE = not INSIDE.is_dir()
ROOT = HOST.parent if IS_CLONE else INSIDE
FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "boards"
PRIVATE = ROOT / ".twinkle"
SETUP = ROOT / "tools" / "setup"
LIB = (PRIVATE if IS_CLONE else INSIDE) / "lib"
UMQTT = LIB / "umqtt" / "simple.py"
MICROPYTHON_VARIABLE = "TWINKLE_MICROPYTHON"


def _micropython() -> Path:
    """The one that the environment names, or set-up's, or the one on the path."""
    named = os.environ.get(MICROPYTHON_VARIABLE)
    own = PRIVATE / "bin" / "micropython"
    return Path(named or (own if own.exists() else shutil.which("micropython")) or own)


MICROPYTHON = _micropython()


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
