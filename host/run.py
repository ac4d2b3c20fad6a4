"""``twinkle run``: the device runtime on this computer, on either interpreter.

The device is the same process as on a Raspberry Pi: ``firmware/main.py`` and a
directory. This launcher prepares the directory and starts the process again
whenever it resets itself.
"""

import re
import signal
import subprocess
import sys
import threading
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from .boards import load
from .console.relay import Relay
from .device_certificate import CERTIFICATE, KEY
from .device_directory import PICO, RASPBERRY_PI, VARIABLE, Prepared
from .failure import EXIT_STATUSES, NOT_FOUND, REFUSED, USAGE, Failure, note
from .paths import device_folder
from .provision.credentials import authorities
from .screen import show, show_json
from .service.finding import awaited
from .service.hub import Hub
from .trial import try_out
from .workbench.bench import Bench
from .workbench.shown import on_bench

RESET_STATUS = 3  # what a device process ends with to be started again
WATCHDOG_STATUS = -signal.SIGALRM  # what the simulated watchdog ends a process with
STOP_S = 10.0
LOGGED = re.compile(r"(\d+\.\d+) (\w+) (.*)")
# The port that simulates the pins under a port; a Pico's is the same, on other modules.
MOCKS = {PICO: PICO, RASPBERRY_PI: "mock_gpio.raspberry"}
FOR_RASPBERRY_PI = ("adafruit_dht", "gpiozero")  # what its port wants on simulated pins, too
MODEL_FILE = Path("/proc/device-tree/model")  # "Raspberry Pi 4 Model B Rev 1.1" and the like, of Linux on one
MOST = 1000  # devices that a hub lists at once
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FROM_VARIABLE = click.core.ParameterSource.ENVIRONMENT


@click.command(
    epilog="\b\nExample: twinkle run desk\n"
    "         twinkle run desk --app my_app.py\n"
    "         twinkle run pico --board pico_w --mock\n"
    '         twinkle run --connection-string "$(twinkle devices add desk)"\n\n' + EXIT_STATUSES
)
@click.argument("name", required=False)
@click.option(
    "--board", default="desktop", show_default=True, help="A board of boards/, or a board file's path."
)
@click.option("--app", type=FILE, help="An application of your own, in the place of the board file's.")
@click.option("--connection-string", envvar=VARIABLE, help=f"The device's own; also from {VARIABLE}.")
@click.option(
    "--ca-file",
    type=FILE,
    help="File of the certificate authorities to trust, PEM or DER; "
    "without it, those of the hub that the connection string names, Azure's or a local one.",
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
def run(name, board, app, connection_string, ca_file, x509, state, interpreter, mock, heap, as_json) -> None:
    """Run a device on this computer until it is stopped.

    NAME is one of the local hub's, and registered there if it is new. A device of any other hub is given by its
    connection string.
    """
    settings = load(board)
    settings = mocked(settings) if mock else real(settings, board)
    connection_string = connection_string_of(name, connection_string)
    if "x509=true" in connection_string and x509 is None:
        raise Failure(
            "the device has a certificate in the place of a key; name its directory with --x509", USAGE
        )
    device = Prepared(state or device_folder(device_id(connection_string)), settings, app, interpreter)
    if device.app is not None:
        try_out(device.app, settings, device.interpreter, stand_ins=mock)
    trusted = authorities(connection_string, ca_file, patient=True)
    with device.alone(), on_bench(device.state, settings, device.interpreter, connection_string) as bench:
        device.prepare(connection_string, trusted, x509, mock)
        command, environment = device.launch(heap, mock)
        note(f"the device lives in {device.state}; Ctrl-C stops it")
        with device.console() as relay:
            sys.exit(supervise(command, environment, device.state / "stop", as_json, relay, bench))


def connection_string_of(name: str | None, connection_string: str | None) -> str:
    """The connection string that was given, or that of the device ``name`` on the local hub."""
    if connection_string is not None and not connection_string.strip():
        raise click.UsageError(
            "the connection string is empty; did the command that was to print it fail? "
            "twinkle run NAME takes a device of the local hub"
        )
    if (name is None) == (connection_string is None):
        # The variable may be set for other uses; who names a device means that one.
        if (
            name is None
            or click.get_current_context().get_parameter_source("connection_string") != FROM_VARIABLE
        ):
            raise click.UsageError(
                "name a device of the local hub, as in twinkle run desk, or give another one's --connection-string"
            )
    return connection_string if name is None else registered(awaited(), name)


def registered(hub: Hub, name: str) -> str:
    """The connection string of a device that is on this hub from now on."""
    with hub.registry() as registry:
        from msrest.exceptions import HttpOperationError

        try:
            # Asking for it first would be a refused request in the hub's log, on the first day.
            known = next((device for device in registry.get_devices(MOST) if device.device_id == name), None)
            if known is None:
                known = registry.create_device_with_sas(name, None, None, "enabled")
                note(f"{name} is registered on {hub.address} now")
        except HttpOperationError as error:
            if error.response.status_code != HTTPStatus.CONFLICT:
                raise
            known = registry.get_device(name)  # one of very many, or registered by somebody else just now
    if known.status != "enabled":
        raise Failure(f"{name} is disabled on {hub.address}", REFUSED)
    return hub.device_connection_string(known.device_id, known.authentication.symmetric_key.primary_key)


def real(settings: dict[str, Any], board: str) -> dict[str, Any]:
    """A board file's content, for a board that this computer is; Failure when it is not."""
    port = settings["port"]
    if port == PICO or (port == RASPBERRY_PI and not _is_raspberry_pi()):
        what = (
            "is no computer to run this on"
            if port == PICO
            else "is a Raspberry Pi, and this computer is none"
        )
        raise Failure(
            f"{board} {what}: --mock runs it here on simulated pins, and twinkle flash puts it on a real one",
            USAGE,
        )
    return settings


def _is_raspberry_pi() -> bool:
    try:
        return b"Raspberry Pi" in MODEL_FILE.read_bytes()
    except OSError:
        return False


def mocked(settings: dict[str, Any]) -> dict[str, Any]:
    """A board file's content with simulated pins in the place of the board's own."""
    port = settings["port"]
    if port not in MOCKS:
        raise Failure(
            f"there are no simulated pins for the port {port}; --mock is for {', '.join(MOCKS)}", USAGE
        )
    missing = [name for name in FOR_RASPBERRY_PI if port == RASPBERRY_PI and not find_spec(name)]
    if missing:
        raise Failure(f"{' and '.join(missing)} is missing: pip install 'twinkle-host[test]'", NOT_FOUND)
    return {**settings, "port": MOCKS[port]}


def device_id(connection_string: str) -> str:
    """The device or registration id of a connection string; empty when it has none."""
    parts = dict(pair.partition("=")[::2] for pair in connection_string.split(";"))
    return parts.get("DeviceId") or parts.get("RegistrationId") or ""


def supervise(
    command: list[str],
    environment: dict[str, str],
    stop_file: Path,
    as_json: bool = False,
    relay: Relay | None = None,
    bench: Bench | None = None,
) -> int:
    """Run the device, again after each reset, until it ends or this process is told to stop.

    The device is told by ``stop_file``, which is in its directory; one that does not heed it is killed. ``relay`` is
    its console, if that is its standard input. On a ``bench`` its power may be switched off and on.
    """
    stopping = False
    device: subprocess.Popen | None = None

    def stop(*_) -> None:
        nonlocal stopping
        stopping = True
        stop_file.touch()
        if bench and bench.is_off:
            bench.power(True)  # which is waited for
        if device is not None:
            killer = threading.Timer(STOP_S, device.kill)
            killer.daemon = True
            killer.start()

    stop_file.unlink(missing_ok=True)
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while True:
            if bench:
                bench.wait_for_power()
                if stopping:
                    return 0
                bench.starts()
            # A session of its own: Ctrl-C reaches the device through us, once.
            device = subprocess.Popen(
                command,
                cwd=stop_file.parent,
                env=environment,
                stdin=subprocess.PIPE if relay else None,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            if relay:
                relay.join(device)
            if bench:
                bench.started(device)
            for line in device.stdout:
                if relay:
                    relay.show(line.rstrip("\r\n"))
                if bench:
                    bench.said(line.rstrip("\r\n"))
                if as_json:
                    show_json(as_record(line))
                else:
                    show(line.rstrip("\n"))
            status = device.wait()
            if relay:
                device.stdin.close()
            if stopping:
                return 0
            if bench and bench.was_cut_off(device):
                continue
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
