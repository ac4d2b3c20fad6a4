"""Where things are: what Twinkle is made of, and what it keeps on this computer.

In a clone they are the project's own folders, with what set-up brought in ``.twinkle``. A wheel has them inside
the package, in the folder ``files``, but for MicroPython, which is no Python package.
"""

import hashlib
import os
import shutil
from pathlib import Path
from urllib.parse import quote

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
LONGEST_NAME = 200  # of a folder; file systems take 255 bytes


def _micropython() -> Path:
    """The one that the environment names, or set-up's, or the one on the path."""
    named = os.environ.get(MICROPYTHON_VARIABLE)
    own = PRIVATE / "bin" / "micropython"
    return Path(named or (own if own.exists() else shutil.which("micropython")) or own)


MICROPYTHON = _micropython()


def state_home() -> Path:
    """The user's folder for state (XDG base directories), below which ours is kept."""
    return _base("XDG_STATE_HOME", ".local/state") / "twinkle"


def cache_home() -> Path:
    """The user's folder for what can be made again (XDG base directories), below which ours is kept."""
    return _base("XDG_CACHE_HOME", ".cache") / "twinkle"


def _base(variable: str, otherwise: str) -> Path:
    named = os.environ.get(variable, "")
    # "All paths set in these environment variables must be absolute", others are ignored (XDG base directories).
    return Path(named) if os.path.isabs(named) else Path.home() / otherwise


def device_folder(device_id: str) -> Path:
    """Where ``twinkle run`` keeps a device, unless told otherwise: no two ids have the same."""
    # Percent-encoding is undone by nobody, but could be: so it tells ids apart. "-_.~" are left as they are.
    name = quote(device_id, safe=":")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > LONGEST_NAME:
        name = name[:64] + "%%" + hashlib.sha256(device_id.encode()).hexdigest()
    return state_home() / "devices" / (name or "%")


def default_hub_state() -> Path:
    """Where ``twinkle hub`` keeps its state unless told otherwise."""
    return state_home() / "hub"


def known_hubs_file() -> Path:
    """The file that names the state directories of the local hubs that were started, the last one first."""
    return state_home() / "hubs"
