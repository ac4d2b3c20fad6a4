"""Whether an application can start, found out on this computer before a device is given it.

It is imported on the interpreter that it will have. Its handlers' arguments are read from the source, since neither
interpreter looks at them before a handler is called.
"""

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .application import lay_out
from .failure import Failure, note
from .named_parts import lacking
from .paths import FIRMWARE, HOST, LIB, MICROPYTHON

WRONG, MISSING = "wrong: ", "missing: "  # as try_application.py says it
LONGEST_S = 20.0  # for an import; one that takes longer would keep a board from starting
# What each handler is called with.
GIVEN = {
    "telemetry": ("board",),
    "method": ("board", "payload"),
    "writable": ("board", "value"),
    "desired": ("board", "delta", "merged"),
    "message": ("board", "properties", "payload"),
    "input": ("board", "active"),
}
# Of a Pico W's firmware, and neither MicroPython's Unix port nor our stand-ins (ports/rp2/boards/manifest.py and
# RPI_PICO_W/manifest.py of MicroPython 1.28.0).
OF_A_PICO = (
    "rp2 neopixel onewire ds18x20 bluetooth aioble asyncio uasyncio micropython framebuf lwip cyw43 requests webrepl "
    "mip uctypes cryptolib deflate"
).split()
# Of a Raspberry Pi's environment (host/flash/raspberry_pi_files/requirements.txt), with what a Pi alone has.
OF_A_PI = "gpiozero lgpio RPi adafruit_dht board digitalio pulseio busio adafruit_blinka".split()


def refuse_lacking(app: Path, settings: dict[str, Any]) -> None:
    """Failure, with file and line, when this application names what the board file does not."""
    for sentence in lacking(settings, app):
        raise Failure(sentence)


def try_out(
    app: Path,
    settings: dict[str, Any],
    interpreter: str,
    elsewhere: Iterable[str] = (),
    stand_ins: bool = False,
) -> None:
    """Failure, with file and line, when this application cannot start on ``interpreter``.

    ``settings``: the content of the board file, which may name less than the application wants. ``elsewhere``: modules
    that its board has, and this computer may not. ``stand_ins``: a Pico's modules have them.
    Where MicroPython is not on this computer that is said, and it is not tried.
    """
    wrong = next(arguments(app), None)
    if wrong:
        raise Failure(wrong)
    refuse_lacking(app, settings)
    if interpreter == "micropython" and not MICROPYTHON.exists():
        note(
            f"{app.name} was not tried: MicroPython is not on this computer; twinkle doctor says how to get it"
        )
        return
    inputs = settings.get("inputs") or {}
    with tempfile.TemporaryDirectory() as folder:
        name = lay_out(app, Path(folder))
        places = [*([HOST / "mock_gpio" / "pico"] if stand_ins else []), Path(folder), FIRMWARE, LIB, HOST]
        command = [MICROPYTHON] if interpreter == "micropython" else [sys.executable, "-B"]
        variable = "MICROPYPATH" if interpreter == "micropython" else "PYTHONPATH"
        try:
            done = subprocess.run(
                [*command, HOST / "try_application.py", name, ",".join(elsewhere), ",".join(sorted(inputs))],
                cwd=folder,
                env={**os.environ, variable: ":".join(map(str, places))},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"{app.name} does not come to an end when it is imported") from None
    _, wrong, why = done.stdout.rpartition(WRONG)
    if wrong:
        raise Failure(why.strip() if why.startswith(app.name) else f"{app.name}: {why.strip()}")
    if done.returncode:  # by a signal, or what it has of its own
        raise Failure(f"{app.name}: it ends the program when it is imported")
    if MISSING in done.stdout:
        missing = done.stdout.rpartition(MISSING)[2].strip()
        note(f"{app.name} was not tried to its end: {missing} is not on this computer")


def arguments(app: Path) -> Iterator[str]:
    """Each handler of this file that cannot take what it is called with, in words."""
    try:
        tree = ast.parse(app.read_bytes(), app.name)
    except (SyntaxError, ValueError):
        return  # the import says it better
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                kind = getattr(called, "attr", "")
                given = GIVEN.get(kind)
                if given and isinstance(called, ast.Attribute) and not _takes(node.args, len(given)):
                    own = ", ".join(each.arg for each in node.args.posonlyargs + node.args.args)
                    yield (
                        f"{app.name}:{node.lineno}: {node.name}({own}) is called as {node.name}({', '.join(given)}), "
                        f"which every handler of @{ast.unparse(called)} must take"
                    )


def _takes(arguments: ast.arguments, count: int) -> bool:
    positional = len(arguments.posonlyargs + arguments.args)
    if any(default is None for default in arguments.kw_defaults):
        return False
    return positional - len(arguments.defaults) <= count and (
        count <= positional or arguments.vararg is not None
    )
