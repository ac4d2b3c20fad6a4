"""``twinkle run``: the device runtime on this computer, on either interpreter.

The device is the same process as on a Raspberry Pi: ``firmware/main.py`` and a
directory. This launcher prepares the directory and starts the process again
whenever it resets itself.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import click

from .boards import load
from .device_certificate import CERTIFICATE, KEY
from .device_json import written
from .failure import EXIT_STATUSES, NOT_FOUND, Failure
from .paths import FIRMWARE, HOST, LIB, MICROPYTHON, UMQTT, state_home
from .screen import show, show_json
from .service.hub import local_hub

VARIABLE = "TWINKLE_DEVICE_CONNECTION_STRING"
RESET_STATUS = 3  # what a device process ends with to be started again
WATCHDOG_STATUS = -signal.SIGALRM  # what the simulated watchdog ends a process with
STOP_S = 10.0
LOGGED = re.compile(r"(\d+\.\d+) (\w+) (.*)")
PICO = "twinkle.ports.pico"
# The port that simulates the pins under a port; a Pico's is the same, on other modules.
MOCKS = {PICO: PICO, "twinkle.ports.rpi": "mock_gpio.raspberry"}
SIMULATED_WIFI = {"ssid": "simulated", "password": "not a real password"}


@click.command(
    epilog=f'\b\nExample: twinkle run --connection-string "$(twinkle devices add desk)"\n\n{EXIT_STATUSES}'
)
@click.option(
    "--board", default="desktop", show_default=True, help="A board of boards/, or a board file's path."
)
@click.option(
    "--connection-string", envvar=VARIABLE, required=True, help=f"The device's own; also from {VARIABLE}."
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of the certificate authorities to trust, PEM or DER; without it, that of the local hub started last.",
)
@click.option(
    "--x509",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"Directory with the device's {CERTIFICATE} and {KEY}, for a connection string with x509=true.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory the device lives in, where its configuration survives; without it, one for each device id.",
)
@click.option(
    "--interpreter",
    type=click.Choice(["cpython", "micropython"]),
    help="For the desktop and mock boards; without it, the one that the board has.",
)
@click.option("--mock", is_flag=True, help="Run the board's own port on simulated pins, on this computer.")
@click.option("--heap", metavar="SIZE", help="MicroPython's heap, such as 128k.")
@click.option("--json", "as_json", is_flag=True, help="Print the device's log as JSON, a line each.")
def run(board, connection_string, ca_file, x509, state, interpreter, mock, heap, as_json) -> None:
    """Run the device on this computer until it is stopped."""
    state = state or state_home() / "devices" / (device_id(connection_string) or "unnamed")
    settings = mocked(load(board)) if mock else load(board)
    interpreter = interpreter or ("micropython" if settings["port"] == PICO else "cpython")
    if interpreter == "cpython":
        settings["console"] = {"socket": str(state / "console")}
    credentials = {"connectionString": connection_string, "wifi": SIMULATED_WIFI if mock else None}
    prepare(state, settings, credentials, ca_file or local_authority(), x509)
    command, environment = launch(interpreter, heap, state, mock)
    sys.exit(supervise(command, environment, state / "stop", as_json))


def mocked(settings: dict[str, Any]) -> dict[str, Any]:
    """A board file's content with simulated pins in the place of the board's own."""
    port = settings["port"]
    if port not in MOCKS:
        raise Failure(f"there are no simulated pins for the port {port}; --mock is for {', '.join(MOCKS)}")
    return {**settings, "port": MOCKS[port]}


def device_id(connection_string: str) -> str:
    """The device or registration id of a connection string, fit for a file name; empty when it has none."""
    parts = dict(pair.partition("=")[::2] for pair in connection_string.split(";"))
    text = parts.get("DeviceId") or parts.get("RegistrationId") or ""
    return "".join(c if c.isalnum() or c in "-_.:" else "_" for c in text).lstrip(".")


def local_authority() -> Path:
    """The CA file of the local hub started last; Failure when there is none."""
    hub = local_hub(None)
    if hub is None:
        raise Failure("no local hub is known here; give the hub's CA file with --ca-file", NOT_FOUND)
    return Path(hub.ca_file)


def prepare(
    state: Path,
    board: dict[str, Any],
    credentials: dict[str, Any],
    ca_file: Path,
    certificate: Path | None = None,
) -> None:
    """Lay out a device's directory. Credentials are readable by the owner alone.

    ``certificate``: the directory of the device's own certificate and key, if it has them.
    """
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        (state / "board.json").write_bytes(written(board))
        shutil.copyfile(ca_file, state / "ca.pem")
        for name in (CERTIFICATE, KEY) if certificate else ():
            _write_private(state / name, (certificate / name).read_bytes())
        _write_private(state / "credentials.json", written(credentials))
    except OSError as error:
        raise Failure(
            f"the device's directory {state} cannot be prepared: {error.filename}: {error.strerror}"
        ) from None


def _write_private(file: Path, content: bytes) -> None:
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)
    new.replace(file)


def launch(
    interpreter: str, heap: str | None, state: Path, mock: bool = False
) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of a device process.

    ``mock`` puts the stand-ins for a Pico's modules before MicroPython's own.
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
        environment["PYTHONPATH"] = path
    return [*command, str(FIRMWARE / "main.py"), str(state)], environment


def supervise(command: list[str], environment: dict[str, str], stop_file: Path, as_json: bool = False) -> int:
    """Run the device, again after each reset, until it ends or this process is told to stop.

    The device is told by ``stop_file``; one that does not heed it is killed.
    """
    stopping = False
    device: subprocess.Popen | None = None

    def stop(*_) -> None:
        nonlocal stopping
        stopping = True
        stop_file.touch()
        if device is not None:
            killer = threading.Timer(STOP_S, device.kill)
            killer.daemon = True
            killer.start()

    stop_file.unlink(missing_ok=True)
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while True:
            # A session of its own: Ctrl-C reaches the device through us, once.
            device = subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            for line in device.stdout:
                if as_json:
                    show_json(as_record(line))
                else:
                    show(line.rstrip("\n"))
            status = device.wait()
            if stopping:
                return 0
            if status not in (RESET_STATUS, WATCHDOG_STATUS):
                return status if status >= 0 else 128 - status
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_record(line: str) -> dict[str, Any]:
    """A line of the log in its parts; what is none is text alone."""
    found = LOGGED.fullmatch(line.rstrip("\n"))
    if found is None:
        return {"text": line.rstrip("\n")}
    return {"seconds": float(found[1]), "level": found[2], "text": found[3]}
