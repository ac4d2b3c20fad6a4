"""The numbers in a message, which are what curves are drawn of."""

from datetime import datetime
from typing import Any

MOST = 32  # members of a message that become curves
DEEPEST = 4  # objects within objects


def numbers(body: Any, subject: str | None = None, module: str | None = None) -> dict[str, float]:
    """The numbers of a JSON body by their path, such as ``temp`` or ``motor.speed``; ``subject``: its component.

    Those of a module stand behind its name, as in ``camera/temp``: the device's own may be called the same.
    """
    found: dict[str, float] = {}
    _gather(body, [subject] if subject else [], found)
    return {f"{module}/{name}": value for name, value in found.items()} if module else found


def _gather(value: Any, path: list[str], found: dict[str, float]) -> None:
    if isinstance(value, dict) and len(path) < DEEPEST:
        for name, member in value.items():
            _gather(member, [*path, name], found)
    elif isinstance(value, int | float) and not isinstance(value, bool) and path and len(found) < MOST:
        found[".".join(path)] = value


def moment(system: dict[str, Any], enqueued: int) -> int:
    """When a message was made, in milliseconds since 1970: as its device says, else when the hub got it."""
    made = system.get("iothub-creation-time-utc")
    if isinstance(made, str):
        try:
            when = datetime.fromisoformat(made)
        except ValueError:
            return enqueued
        if when.tzinfo is not None and when.timestamp() > 0:
            return int(when.timestamp() * 1000)
    return enqueued
