"""``twinkle dev``: an application that is being written, running: its hub, its device and both their news."""

import contextlib
import functools
import json
import queue
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ..application import module_name
from ..boards import find, load
from ..device_directory import PICO, Prepared, alone
from ..failure import EXIT_STATUSES, NOT_FOUND, Failure
from ..flash import image
from ..flash.serial_link import find_port
from ..known_hubs import forget, remember
from ..paths import device_folder
from ..provision.command import PASSWORD, secret
from ..provision.credentials import check
from ..run import FILE, LOGGED, mocked, real
from ..screen import Words, show, show_json
from ..service.monitor import SOURCES, news
from ..trial import OF_A_PICO, try_out
from ..workbench.shown import on_bench
from .device import Device
from .on_board import Bench, OnBoard

LOOPBACK = "127.0.0.1"
LOOK_S = 0.1  # between two looks at the files
COLOURS = {"telemetry": "green", "error": "red", "warning": "yellow", "reported": "cyan", "saved": "magenta"}
# What the device's own log says, too, and what twinChangeEvents say in fewer words.
QUIET = ("deviceLifecycleEvents", "deviceConnectionStateEvents", "digitalTwinChangeEvents")


@click.command(
    epilog="\b\nExample: twinkle dev my_app.py\n"
    "         twinkle dev my_app.py --board pico_w --mock\n"
    "         twinkle dev my_app.py --board pico_w --wifi workshop --address 192.168.1.5\n\n" + EXIT_STATUSES
)
@click.argument("file", type=FILE)
@click.option(
    "--board", default="desktop", show_default=True, help="A board of boards/, or a board file's path."
)
@click.option("--mock", is_flag=True, help="Run the board's own port on simulated pins, on this computer.")
@click.option("--port", help="A Pico W's serial port; without it, that of the one board plugged in.")
@click.option(
    "--wifi", metavar="NETWORK", help="Give a Pico W this network, and the hub that runs here, as its own."
)
@click.option("--address", help="This computer's own, at which a board finds the hub; it listens there then.")
@click.option("--device", metavar="NAME", help="The device's id; without it, the application's name.")
@click.option(
    "--interpreter",
    type=click.Choice(["cpython", "micropython"]),
    help="For the desktop and mock boards; without it, the one that the board has.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what happens as JSON, a line each.")
def dev(file, board, mock, port, wifi, address, device, interpreter, as_json) -> None:
    """Run the application in FILE, and again whenever it is saved, until Ctrl-C.

    A hub of its own runs with it; verbs in other terminals find that one meanwhile. The device keeps its state from
    one version to the next. Errors are shown with their line.

    On a Pico W that is plugged in, what differs is flashed. It keeps the hub that it has, unless --wifi gives it this
    one.
    """
    from ..hub.live import LiveHub
    from ..hub.server import ServerError
    from ..hub.store import StoreError

    name = device or module_name(file).partition(".")[2]
    state = device_folder(name)
    plugged_in = not mock and load(board)["port"] == PICO
    if not plugged_in and (port or wifi or address):
        raise click.UsageError("--port, --wifi and --address are for a Pico W that is plugged in")
    found = find_port(port) if plugged_in else ""
    if plugged_in and not Path(found).exists():
        raise Failure(f"{found} is not there; is the board plugged in?", NOT_FOUND)
    password = secret(PASSWORD, f"Password of the network {wifi} (empty if it is open)", "") if wifi else ""
    hub = LiveHub(state / "hub", routes=(), bind=address or LOOPBACK, page_port=0)
    watched = [file, *([find(board)] if Path(board).is_file() else [])]

    def simulated() -> dict[str, Any]:
        return mocked(load(board)) if mock else real(load(board), board)

    def prepared(settings: dict[str, Any]) -> Prepared:
        return Prepared(state, settings, file.absolute(), interpreter)

    def make() -> Device:
        settings = simulated()
        new = prepared(settings)
        try_out(file, load(board), new.interpreter, stand_ins=mock)
        text = f"{known(hub, name)};Port={hub.info['mqttPort']}"
        new.prepare(text, Path(hub.info["caFile"]).read_bytes(), mock=mock)
        shown = functools.partial(on_bench, new.state, settings, new.interpreter, text)
        return Device(new, mock, hub.events.put, on_bench=shown)

    def on_board() -> Callable[[], OnBoard]:
        given = {}
        if wifi:
            text = f"{known(hub, name)};Port={hub.info['mqttPort']}"
            text += f";GatewayHostName={address}" if address else ""
            credentials = check(text, Path(hub.info["caFile"]), None, wifi, password)
            given = {file: content for file, (content, _) in credentials.files().items()}
        bench = Bench(found, load(board), given)

        def make_there() -> OnBoard:
            try_out(file, load(board), "micropython", OF_A_PICO)
            return OnBoard(bench, image.build(load(board), file.absolute()), hub.events.put)

        return make_there

    with contextlib.ExitStack() as stack:
        stack.enter_context(alone(state) if plugged_in else prepared(simulated()).alone())
        try:
            hub.start()
        except (ServerError, StoreError) as error:
            raise Failure(str(error)) from None
        stack.callback(hub.stop)
        stack.enter_context(current(state / "hub"))
        Session(file, watched, on_board() if plugged_in else make, hub.events, as_json).run(
            name, hub.server.page.ticket()
        )


def known(hub: Any, name: str) -> str:
    """The connection string of the device, which is registered if it is new."""
    from ..hub.core.errors import HubError

    try:
        hub.call("create_device", name, {})
    except HubError as error:
        if error.name != "DeviceAlreadyExists":
            raise Failure(str(error)) from None
    return hub.call("connection_string", name)


@contextlib.contextmanager
def current(state: Path) -> Iterator[None]:
    """Meanwhile other verbs find this hub without being told."""
    remember(state)
    try:
        yield
    finally:
        forget(state)


def stamp(file: Path) -> tuple[int, ...]:
    """What is another one after the file was saved; an editor may put a new file in its place."""
    try:
        about = file.stat()
    except OSError:
        return ()
    return about.st_mtime_ns, about.st_size, about.st_ino


class Session:
    """What is shown, and what a saved file brings about."""

    def __init__(
        self,
        file: Path,
        watched: list[Path],
        make: Callable[[], Device | OnBoard],
        heard: queue.Queue,
        as_json: bool,
    ):
        self._file, self._watched, self._make = file, watched, make
        self._device: Device | OnBoard | None = None
        self._heard, self._as_json = heard, as_json
        self._saved: float | None = None  # when, while that is not in force yet
        self._stopped = False

    def run(self, name: str, page: str) -> None:
        """Until somebody ends it. ``page``: an address that opens the hub's page once."""
        before = signal.signal(signal.SIGTERM, self._end)
        try:
            self._say("dev", f"{self._file} as {name}; save it and it runs anew, Ctrl-C ends it")
            self._say("dev", f"in another terminal: twinkle twin get {name}, twinkle method {name} METHOD")
            self._say("dev", f"in a browser: {page}")
            stamps = [stamp(file) for file in self._watched]
            self._begin()
            while not self._stopped:
                with contextlib.suppress(queue.Empty):
                    self._take(self._heard.get(timeout=LOOK_S))
                seen = [stamp(file) for file in self._watched]
                if seen != stamps and () not in seen:
                    stamps = seen
                    self._begin(again=True)
        except KeyboardInterrupt:
            self._say("dev", "ended by you")
        finally:
            self._end_device()
            signal.signal(signal.SIGTERM, before)

    def _end(self, *_: Any) -> None:
        self._stopped = True

    def _begin(self, again: bool = False) -> None:
        """Start the application as it is saved now, if that can be."""
        saved = time.monotonic()
        try:
            new = self._make()
        except Failure as failure:
            self._say("error", failure.message + self._line_of(failure.message))
        else:
            if again:
                self._say("saved", "starting anew, with the state as it is")
            self._end_device()
            if again:  # behind all that the version before has said
                self._heard.put(("saved", saved))
            self._device = new
            self._device.start()
            return
        if again and self._device is not None:
            self._say("dev", "the version before goes on running")

    def _end_device(self) -> None:
        if self._device is not None:
            self._device.stop()

    def _take(self, item: Any) -> None:
        if isinstance(item, dict):
            self._event(item)
        elif item[0] == "saved":
            self._saved = item[1]
        elif item[0] == "failed":
            self._say("error", f"{item[1]}; save {self._file} to try again")
        elif item[0] == "ended":
            self._say(
                "error", f"the device ended with status {item[1]}; it starts again when {self._file} is saved"
            )
        else:
            self._log(item[1])

    def _event(self, event: dict[str, Any]) -> None:
        if event["source"] in QUIET:
            return
        if event["source"] == SOURCES["telemetry"]:
            self._say("telemetry", json.dumps(event["body"], ensure_ascii=False))
            return
        body = event.get("body")
        sections = body.get("properties", {}) if isinstance(body, dict) else {}
        for section, members in sections.items():
            plain = {name: value for name, value in members.items() if not name.startswith("$")}
            self._say(section, json.dumps(plain, ensure_ascii=False))
        if not sections:
            self._say(*news(event))

    def _log(self, line: str) -> None:
        found = LOGGED.fullmatch(line)
        level, text = (found[2], found[3]) if found else ("device", line)
        self._say(level, text + self._line_of(text))
        if self._saved is not None and text.startswith("ready"):
            self._say("saved", f"in force {time.monotonic() - self._saved:.1f} s after it was seen")
            self._saved = None

    def _line_of(self, text: str) -> str:
        """The line of the application that a text names, as it stands there now."""
        place = re.search(rf"\b{re.escape(self._file.name)}:(\d+): ", text)
        with contextlib.suppress(OSError, UnicodeDecodeError, IndexError):
            return "  " + self._file.read_text().splitlines()[int(place[1]) - 1].strip() if place else ""
        return ""

    def _say(self, word: str, text: str) -> None:
        now = datetime.now().astimezone()
        if self._as_json:
            show_json({"time": now.isoformat(timespec="milliseconds"), "what": word, "text": text})
            return
        colour = COLOURS.get(word)
        show(Words((f"{now:%H:%M:%S} ", "bright_black"), (f"{word:<10} ", colour), (text, colour)))
