"""Board files: found by name or path, and checked before anything is done with them.

A board file says what is wired to which pin; the file of its ``hardware`` says
which pins there are. Its ``app`` is an application that comes with Twinkle, such as
``apps.environment``, or a file such as ``app.py``, beside the board file. A mistake is
refused with the name of the member or pin.
"""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import click

from .failure import EXIT_STATUSES, NOT_FOUND, USAGE, Failure
from .named_parts import KINDS, lacking, member_problems, notes, pin_problems, wrong_member
from .paths import BOARDS, FIRMWARE
from .screen import show, show_json

# Every member a board file may have, and what it is.
MEMBERS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "description": str,
    "hardware": str,
    "port": str,
    "app": str,
    "micropython": str,
    "gpio": str,
    "keepAlive": int,
    "led": dict,
    "sensor": dict,
    "wifi": dict,
    "clock": dict,
    "watchdog": int,
    "reset": dict,
    "console": dict,
    "hold": dict,
    "outputs": dict,
    "inputs": dict,
    "sensors": dict,
    "information": dict,
    "telemetry": dict,
    "log": str,
    "clockOffset": (int, type(None)),
}
PARTS: dict[str, dict[str, Any]] = {
    "led": {"pin": (int, str), "pwm": bool, "active": ("high", "low")},
    "sensor": {"model": ("DHT11", "DHT22"), "pin": (int, str), "pulseio": bool},
    "wifi": {"country": str, "hostname": str},
    "clock": {"server": str},
    "console": {"socket": str},
    "hold": {"pin": int},
    "reset": {"by": ("systemd", "program")},
    "telemetry": {"capacity": int, "bytes": int, "disk": int},
}
NAMED = tuple(KINDS)  # what a board file has by names
NEEDED = ("port", "app")
CHOICES = {"gpio": ("rpigpio", "lgpio"), "log": ("debug", "info", "warning", "error")}
LIMITS = {"keepAlive": (10, 1767), "watchdog": (3000, 8388)}


def find(board: str) -> Path:
    """The board file of that name or path; Failure when there is none."""
    for path in (BOARDS / f"{board}.json", Path(board)):
        with contextlib.suppress(OSError, ValueError):  # a name that no file can have
            if path.is_file():
                return path
    known = ", ".join(sorted(path.stem for path in BOARDS.glob("*.json")))
    raise Failure(
        f"there is no board {' '.join(board.split())}; known are {known}, or give the path of a board file",
        NOT_FOUND,
    )


def load(board: str) -> dict[str, Any]:
    """The content of a board file that has no mistake; Failure names the first one."""
    path = find(board)
    try:
        settings = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(f"the board file {path} cannot be read: {error}", USAGE) from None
    wrong = problems(settings, path.parent)
    if wrong:
        more = f" (and {len(wrong) - 1} more: twinkle boards check {board})" if len(wrong) > 1 else ""
        raise Failure(f"the board file {path}: {wrong[0]}{more}", USAGE)
    # Whoever reads it on needs to know nothing of where it came from.
    return (
        {**settings, "app": str(path.parent.absolute() / settings["app"])} if is_file(settings) else settings
    )


def is_file(settings: dict[str, Any]) -> bool:
    """Whether the application is a file of somebody's own."""
    return settings["app"].endswith(".py")


def problems(settings: Any, folder: Path = BOARDS) -> list[str]:
    """What is wrong with a board file's content, a sentence each; ``folder``: where the file lies."""
    if not isinstance(settings, dict):
        return ["it must hold a JSON object"]
    wrong = [f"it lacks {name!r}" for name in NEEDED if not settings.get(name)]
    for name, value in settings.items():
        if name not in MEMBERS:
            wrong.append(f"{name!r} is no member of a board file; there are {', '.join(MEMBERS)}")
        elif not isinstance(value, MEMBERS[name]) or isinstance(value, bool):
            wrong.append(f"{name!r} has a value of the wrong kind")
        elif name in CHOICES and value not in CHOICES[name]:
            wrong.append(f"{name!r} must be one of {', '.join(CHOICES[name])}")
        elif name in LIMITS and not LIMITS[name][0] <= value <= LIMITS[name][1]:
            wrong.append(f"{name!r} must be from {LIMITS[name][0]} to {LIMITS[name][1]}")
        elif name in PARTS:
            wrong += _part_problems(name, value)
        elif name in NAMED:
            wrong += member_problems(name, value)
        elif name == "micropython" and not re.fullmatch(r"\d+\.\d+(\.\d+)?", value):
            wrong.append("'micropython' must be a version such as 1.23.0")
    if not wrong and "hardware" in settings:
        wrong += _pin_problems(settings)
    if isinstance(settings.get("app"), str) and settings["app"]:
        wrong += _app_problems(settings, folder)
    return wrong


def _app_problems(settings: dict[str, Any], folder: Path) -> list[str]:
    app = settings["app"]
    file = folder / app if is_file(settings) else FIRMWARE.joinpath(*app.split(".")).with_suffix(".py")
    with contextlib.suppress(OSError, ValueError):  # a name that no file can have
        if file.is_file():
            return (
                lacking(settings, file)
                if all(isinstance(settings.get(kind, {}), dict) for kind in NAMED)
                else []
            )
    if is_file(settings):
        return [f"there is no application {file}"]
    shipped = sorted(path for path in (FIRMWARE / "apps").glob("*.py") if "App(" in path.read_text())
    known = ", ".join(f"apps.{path.stem}" for path in shipped)
    return [f"there is no application {app!r}; there are {known}, or name a file such as 'app.py'"]


def _part_problems(part: str, value: dict[str, Any]) -> list[str]:
    wrong = []
    for name, member in value.items():
        wanted = PARTS[part].get(name)
        if wanted is None:
            wrong.append(f"{part!r} has no member {name!r}; there are {', '.join(PARTS[part])}")
        elif fault := wrong_member(f"{part}.{name}", member, wanted):
            wrong.append(fault)
    return wrong


def hardware_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The facts of the hardware that a board file names."""
    return json.loads((BOARDS / "hardware" / f"{settings['hardware']}.json").read_text())


def _pin_problems(settings: dict[str, Any]) -> list[str]:
    file = BOARDS / "hardware" / f"{settings['hardware']}.json"
    if settings["hardware"] not in [path.stem for path in file.parent.glob("*.json")]:
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.json")))
        return [f"the hardware {settings['hardware']!r} is not known; there is {known}"]
    return pin_problems(settings, hardware_of(settings))


@click.group()
def boards() -> None:
    """Board files: what is wired to which pin."""


@boards.command("list", epilog=f"\b\nExample: twinkle boards list\n\n{EXIT_STATUSES}")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def list_boards(as_json: bool) -> None:
    """List the boards that come with Twinkle."""
    known = [json.loads(path.read_bytes()) for path in sorted(BOARDS.glob("*.json"))]
    if as_json:
        show_json([{key: board[key] for key in ("name", "description")} for board in known])
    for board in [] if as_json else known:
        show(f"{board['name']:<16} {board['description']}")


@boards.command("check", epilog=f"\b\nExample: twinkle boards check my_board.json\n\n{EXIT_STATUSES}")
@click.argument("board")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def check(board: str, as_json: bool) -> None:
    """Check a board file, by name or path: its members and its pins."""
    path, known = find(board), []
    try:
        settings = json.loads(path.read_bytes())
        wrong = problems(settings, path.parent)
        if not wrong and "hardware" in settings:
            known = notes(settings, hardware_of(settings))
    except (OSError, ValueError, RecursionError) as error:
        wrong = [f"it cannot be read: {error}"]
    if as_json:
        show_json({"file": str(path), "problems": wrong, "notes": known})
    elif not wrong:
        show(f"{path} is fine")
    for sentence in [] if as_json else known:
        show(f"{path}: note: {sentence}")
    for sentence in [] if as_json else wrong:
        show(f"{path}: {sentence}")
    if wrong:
        raise Failure(f"{path} has {len(wrong)} problem{'s' * (len(wrong) > 1)}")
