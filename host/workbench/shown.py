"""A simulated board that runs here is shown on the page of the local hub, where it has one."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..device_directory import CONSOLE, PICO
from ..failure import note
from ..hub.names import dialled
from ..known_hubs import known
from ..service.hub import MQTT_PORT
from . import notes
from .bench import Bench
from .control import Control

SIMULATED = ("mock_gpio.", PICO)  # ports whose pins are told in a file; a Pico's runs here on stand-ins only
HERE = ("localhost", "127.0.0.1")


@contextlib.contextmanager
def on_bench(
    state: Path, settings: dict[str, Any], interpreter: str, connection_string: str
) -> Iterator[Bench | None]:
    """The bench of a board, served meanwhile; None where the device's hub is not the local one or shows no page."""
    parts = dict(pair.partition("=")[::2] for pair in connection_string.split(";"))
    (state / "cable.json").unlink(missing_ok=True)  # of a run that was killed
    hub = _hub(parts)
    if hub is None or not settings["port"].startswith(SIMULATED):
        yield None
        return
    hub_state, info = hub
    is_here = dialled(info["bind"]) == "localhost" and parts.get("GatewayHostName", parts["HostName"]) in HERE
    port = info["mqttPort"] if is_here and settings["port"] != PICO else None
    bench = Bench(state, settings, interpreter, port is not None)
    control = Control(bench, state, state / CONSOLE, port)
    try:
        control.start()
        left = notes.leave(hub_state, parts["DeviceId"], state)
    except OSError as error:
        # The device is what was asked for; that it cannot be seen is no reason not to run it.
        note(f"the board is not on the hub's page: {error}")
        control.stop()
        yield None
        return
    try:
        yield bench
    finally:
        left.unlink(missing_ok=True)
        control.stop()


def _hub(parts: dict[str, str]) -> tuple[Path, dict[str, Any]] | None:
    """The state and the info of this device's hub, if it is one of this computer and has a page."""
    for state in known():
        with contextlib.suppress(OSError, ValueError):
            info = json.loads((state / "hub.json").read_text())
            same = parts.get("HostName") == info["host"]
            if same and parts.get("Port", str(MQTT_PORT)) == str(info["mqttPort"]):
                return (state, info) if "pageUrl" in info and parts.get("DeviceId") else None
    return None
