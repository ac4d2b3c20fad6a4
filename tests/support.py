"""Where things are, and how to run MicroPython, for tests."""

import contextlib
import functools
import os
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = ROOT / ".twinkle"
MICROPYTHON = PRIVATE / "bin" / "micropython"
TWINKLE = PRIVATE / "venv" / "bin" / "twinkle"
MPREMOTE = PRIVATE / "venv" / "bin" / "mpremote"
HEAP = "128k"
MQTT_PORT = 8883  # the only one that Azure's SDKs dial
CLAIM_PORT = 8882  # bound, and never listened on, by the process of the tests that an address belongs to

# The device's modules that import what the other interpreter has not.
OF_ONE = {
    "twinkle.ports.pico": "micropython",
    "twinkle.ports.pico_wiring": "micropython",
    "twinkle.ports.rpi": "cpython",
    "twinkle.ports.rpi_wiring": "cpython",
    "twinkle.ports.adafruit": "cpython",
    "twinkle.ports.socket_console": "cpython",
    "twinkle.ports.systemd": "cpython",
    "twinkle.on_micropython": "micropython",
    "twinkle.on_cpython": "cpython",
}


@functools.cache
def own_address() -> str:
    """A loopback address whose port 8883 no other process has, be it a hub or another run of the tests.

    It stays this process's until that ends.
    """
    for number in range(1, 255):
        address = f"127.0.1.{number}"
        claim = socket.socket()
        try:
            claim.bind((address, CLAIM_PORT))
            socket.create_server((address, MQTT_PORT)).close()
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return address
    pytest.fail(f"port {MQTT_PORT} is taken on every address from 127.0.1.1 to 127.0.1.254", pytrace=False)


_claims = []


@contextlib.contextmanager
def own_port():
    """A port of 127.0.0.1 that is given to nobody else meanwhile, also while whoever listens there is away."""
    with socket.socket() as claim:
        # Bound and never listened on: servers, which bind with SO_REUSEADDR, can listen there all the same.
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind(("127.0.0.1", 0))
        yield claim.getsockname()[1]


def need(path: Path) -> Path:
    """``path``, or a failure that names the command which brings it."""
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing; run ./tools/setup", pytrace=False)
    return path


def without(folder: Path, modules: Path, name: str) -> Path:
    """``folder``, with the files of the folder ``modules`` but for one."""
    folder.mkdir()
    for file in modules.glob("*.py"):
        if file.name != name:
            (folder / file.name).symlink_to(file)
    return folder


def run_micropython(*arguments, heap=HEAP, path=(), first=(), timeout=None, before=()):
    """Run 32-bit MicroPython with the device's files on its path; answers the finished process.

    ``path`` and ``first``: more folders, at the end and at the beginning.
    ``before``: a command to run it under. A test that computes has the time that pytest gives to each.

    It runs in ROOT, and knows what is there by its place there. Each module keeps the name of its file: a heap in
    which a device has room must have it in a clone of any name.
    """
    places = [*first, ROOT / "firmware", PRIVATE / "lib", ROOT / "host", *path]
    environment = {**os.environ, "MICROPYPATH": ":".join(map(_in_root, places))}
    return subprocess.run(
        [*before, need(MICROPYTHON), "-X", f"heapsize={heap}", *map(_in_root, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _in_root(word):
    """An argument; of what is in ROOT, its place there."""
    return str(word).removeprefix(f"{ROOT}/")
