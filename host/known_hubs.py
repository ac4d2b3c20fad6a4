"""The local hubs of this computer's user: the state directories of those that were started, the last one first.

A hub that stops stays known: whether it runs is found out by asking it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .paths import default_hub_state, known_hubs_file

MOST = 16  # older ones are forgotten


def known() -> list[Path]:
    """Their state directories; that of ``twinkle hub`` without --state when none is known."""
    with suppress(OSError, UnicodeDecodeError), known_hubs_file().open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # while it is written it is not whole
        found = [Path(line) for line in file.read().splitlines() if line]
        if found:
            return found
    return [default_hub_state()]


def remember(state: Path) -> None:
    """It has been started."""
    with _changed() as hubs:
        hubs[:] = [str(state), *(other for other in hubs if other != str(state))][:MOST]


def forget(state: Path) -> None:
    """It will not be started again."""
    with _changed() as hubs:
        hubs[:] = [other for other in hubs if other != str(state)]


@contextmanager
def _changed() -> Iterator[list[str]]:
    file = known_hubs_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(
        os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8", errors="replace"
    ) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)  # two that start at once are both kept
        hubs = opened.read().splitlines()
        yield hubs
        opened.seek(0)
        opened.truncate()
        opened.writelines(f"{state}\n" for state in hubs)
