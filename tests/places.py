"""Where things are, and how to run MicroPython, for tests."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = ROOT / ".twinkle"
MICROPYTHON = PRIVATE / "bin" / "micropython"
TWINKLE = PRIVATE / "venv" / "bin" / "twinkle"
MPREMOTE = PRIVATE / "venv" / "bin" / "mpremote"
HEAP = "128k"
# Where the hub for Azure's SDKs listens: they know port 8883 only, so each process of the tests has an address.
ADDRESS = f"127.0.1.{1 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"


def need(path: Path) -> Path:
    """``path``, or a failure that names the command which brings it."""
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing; run ./tools/setup", pytrace=False)
    return path


def run_micropython(*arguments, heap=HEAP, path=(), first=(), timeout=120, before=()):
    """Run 32-bit MicroPython with the device's files on its path; answers the finished process.

    ``path`` and ``first``: more folders, at the end and at the beginning.
    ``before``: a command to run it under.
    """
    places = [*first, ROOT / "firmware", PRIVATE / "lib", ROOT / "host", *path]
    environment = {**os.environ, "MICROPYPATH": ":".join(map(str, places))}
    return subprocess.run(
        [*before, need(MICROPYTHON), "-X", f"heapsize={heap}", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
