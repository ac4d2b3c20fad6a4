"""A device's directory on this computer, and the process that runs in it."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .application import ENTRY, lay_out, module_name
from .boards import is_file
from .console.relay import NAME as CONSOLE
from .console.relay import Relay
from .device_certificate import CERTIFICATE, KEY
from .device_json import written
from .failure import NOT_FOUND, Failure
from .paths import FIRMWARE, HOST, LIB, MICROPYTHON, UMQTT
from .private_file import write_private

VARIABLE = "TWINKLE_DEVICE_CONNECTION_STRING"
PICO, RASPBERRY_PI = "twinkle.ports.pico", "twinkle.ports.rpi"
SIMULATED_WIFI = {"ssid": "simulated", "password": "not a real password"}
PROGRAM = "program"  # the folder of an application's own file, in the device's directory


class Prepared:
    """A device's directory on this computer, and what runs in it.

    ``settings``: the content of its board file; ``app``: an application's file, in the place of that one's.
    """

    def __init__(
        self, state: Path, settings: dict[str, Any], app: Path | None = None, interpreter: str | None = None
    ):
        self.state = state.absolute()
        self.interpreter = interpreter or ("micropython" if settings["port"] == PICO else "cpython")
        self._settings = dict(settings)
        self.app = app or (Path(settings["app"]) if is_file(settings) else None)
        if self.interpreter == "cpython":
            # In the directory that the process runs in: a socket's path has 107 bytes at the most (unix(7)).
            self._settings["console"] = {"socket": CONSOLE}

    def prepare(
        self, connection_string: str, authorities: bytes, x509: Path | None = None, mock: bool = False
    ) -> None:
        """Lay the directory out; see prepare()."""
        if self.app is not None:
            self._settings["app"] = module_name(self.app)
        credentials = {"connectionString": connection_string, "wifi": SIMULATED_WIFI if mock else None}
        prepare(self.state, self._settings, credentials, authorities, x509)
        if self.app is not None:
            lay_out(self.app, self.state / PROGRAM)

    def launch(self, heap: str | None = None, mock: bool = False) -> tuple[list[str], dict[str, str]]:
        """The command line and environment of its process; see launch()."""
        program = FIRMWARE if self.app is None else self.state / PROGRAM
        return launch(self.interpreter, heap, self.state, mock, program)

    @contextlib.contextmanager
    def console(self) -> Iterator[Relay | None]:
        """While it runs, the socket of its console, unless it has one of its own; the way to its standard input."""
        if self.interpreter == "cpython":
            yield None
            return
        relay = Relay(self.state)
        try:
            yield relay
        finally:
            relay.close()

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """While it runs; see alone()."""
        return alone(self.state)


@contextlib.contextmanager
def alone(folder: Path, what: str = "device") -> Iterator[None]:
    """While something runs that lives in ``folder``; Failure when it does already.

    Two devices with one id would take the connection from each other; two boards have not one flash.
    """
    make_private(folder)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"the {what} in {folder} runs already; stop that one first") from None
        yield


def prepare(
    state: Path,
    board: dict[str, Any],
    credentials: dict[str, Any],
    authorities: bytes,
    certificate: Path | None = None,
) -> None:
    """Lay out a device's directory. Credentials are readable by the owner alone.

    ``certificate``: the directory of the device's own certificate and key, if it has them.
    """
    make_private(state)
    try:
        (state / "board.json").write_bytes(written(board))
        (state / "ca.pem").write_bytes(authorities)
        for name in (CERTIFICATE, KEY) if certificate else ():
            write_private(state / name, (certificate / name).read_bytes())
        write_private(state / "credentials.json", written(credentials))
    except OSError as error:
        raise unprepared(state, error) from None


def make_private(state: Path) -> None:
    """Make the directory, for its owner alone."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unprepared(state, error) from None


def unprepared(state: Path, error: OSError) -> Failure:
    """Why there can be no device there."""
    return Failure(f"the device's directory {state} cannot be prepared: {error.filename}: {error.strerror}")


def launch(
    interpreter: str, heap: str | None, state: Path, mock: bool = False, program: Path = FIRMWARE
) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of a device process.

    ``mock`` puts the stand-ins for a Pico's modules before MicroPython's own; ``program`` is the folder of ENTRY.
    """
    for needed in (UMQTT, MICROPYTHON) if interpreter == "micropython" else (UMQTT,):
        if not needed.exists():
            raise Failure(
                f"{needed.name} is missing on this computer; twinkle doctor says how to get it", NOT_FOUND
            )
    stand_ins = [HOST / "mock_gpio" / "pico"] if mock and interpreter == "micropython" else []
    path = ":".join(map(str, (*stand_ins, FIRMWARE, LIB, HOST)))
    environment = dict(os.environ)
    # The device reads its credentials from its directory; they need not stand in its environment.
    environment.pop(VARIABLE, None)
    if interpreter == "micropython":
        command = [str(MICROPYTHON), *(["-X", f"heapsize={heap}"] if heap else [])]
        command += [str(HOST / "mock_gpio" / "rp2.py")] if mock else []
        environment["MICROPYPATH"] = path
    else:
        command = [sys.executable, "-u"]
        if program != FIRMWARE:
            # What is compiled is known by its second and its size: two saves in one would be the same.
            command.append("-B")
        environment["PYTHONPATH"] = path
    return [*command, str(program / ENTRY), str(state)], environment
