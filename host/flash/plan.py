"""What to do to a board: pure, from what is wanted and what is there.

A file is copied when its hash differs, and removed when it lies where only files of
ours lie and is not wanted. Everything else on the board is left alone: credentials,
certificates, the device's state, a user's own files.
"""

import hashlib
from dataclasses import dataclass, field

from ..failure import REFUSED, Failure

# Folders that hold nothing but what was flashed. A module that is left there as .py would
# be taken before the .mpy beside it.
OURS = ("twinkle/", "apps/", "lib/umqtt/")


@dataclass(frozen=True)
class Plan:
    """Paths on the board, in the order in which to work on them."""

    copy: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.copy or self.remove)


def hashes(image: dict[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file of an image, in hex."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in image.items()}


def make_plan(wanted: dict[str, str], there: dict[str, str]) -> Plan:
    """From the hashes of what is wanted and of what is there, by path; a folder's path ends with a slash."""
    copy = sorted(path for path in wanted if there.get(path) != wanted[path])
    # The entry last: what it would start must be there.
    copy.sort(key=lambda path: path == "main.py")
    remove = [
        path
        for path in there
        if path.startswith(OURS) and path not in wanted and not any(file.startswith(path) for file in wanted)
    ]
    # A folder after what lies in it.
    return Plan(copy, sorted(remove, reverse=True), sorted(set(wanted) - set(copy)))


def refuse_downgrade(wanted: str, there: str | None, allowed: bool) -> None:
    """Failure when a newer release would be replaced and nobody has said that it may."""
    if there is not None and _numbers(there) > _numbers(wanted) and not allowed:
        raise Failure(
            f"release {there} is there, which is newer than this one, {wanted}; --downgrade replaces it all the same",
            REFUSED,
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
