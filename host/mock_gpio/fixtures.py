"""pytest fixtures for whoever writes an application or a port, at three depths; pytest loads them by itself.

``app`` is a module such as ``apps.environment``, or a file of your own, such as ``app.py``, which is looked for beside
the test and in the folders above it, up to pytest's own root. A file is imported anew for each board.

``mock_board(app)``: the application on a board in memory, with a hub and a virtual clock::

    def test_it_blinks(mock_board):
        board = mock_board("apps.environment")
        assert board.call("blink", 2).status == 200
        board.run(3)                                       # virtual seconds
        board.led.assert_levels_and_times((0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0))
        board.temperature = 31.0                           # or board.fault = "absent"
        board.run(60)
        assert board.telemetry[-1]["temp"] == 31.0

``mock_board(app, interpreter="micropython")`` runs the same on MicroPython. ``outputs``, ``inputs`` and ``sensors``, as
in a board file, may be given to it and to ``raspberry_pi``; see ``Board`` in ``mock_gpio.world`` for what a test does.

``raspberry_pi(...)``: the Raspberry Pi port itself on gpiozero's mock pins and on
Adafruit's driver at the end of a simulated wire::

    def test_a_warm_room(raspberry_pi):
        board = raspberry_pi(model="DHT22")
        board.tell(temperature=31.0, humidity=40)
        assert board.port.read_sensor() == (31.0, 40.0)
        board.port.led(0.5)
        board.pin.assert_states([0, 0.5])                  # gpiozero's own assertions
        board.pass_time(2.1)                               # the sensor has rested

``raspberry_pi(app=app)`` puts an application on it, and answers a board like mock_board's, whose LED and sensor are
the port's::

    def test_a_pi_lights_its_led(raspberry_pi):
        board = raspberry_pi(app="apps.environment")
        assert board.call("turnon").status == 200
        assert board.pin.state == 1

``pico_w(app)``: the Pico W port itself, a real process under MicroPython on stand-ins
for ``machine``, ``network``, ``dht`` and ``ntptime``, with a real hub over TLS::

    def test_a_pico(pico_w):
        device = pico_w("apps.environment", led={"pin": 16, "pwm": True})
        device.wait_for(" ready")                          # a line of its log
        (device.folder / "sensor.json").write_text('{"temperature": 31, "humidity": 40}')
        (device.folder / "air.json").write_text('{"wifi": "gone"}')
        assert device.leds()[-1] == 0.0                    # what the pin has shown
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from ..paths import FIRMWARE

if str(FIRMWARE) not in sys.path:
    sys.path.append(str(FIRMWARE))


PARTS = ("outputs", "inputs", "sensors")  # of a board file, by names


class Applications:
    """Finds the applications that tests name, for as long as a test lasts."""

    def __init__(self, request, stack):
        self._test, self._root, self._stack = request.path, request.config.rootpath, stack

    def file(self, app):
        """The file that ``app`` names; None when it names a module."""
        if not isinstance(app, os.PathLike) and not app.endswith(".py"):
            return None
        folders = [folder for folder in self._test.parents if folder.is_relative_to(self._root)]
        for folder in folders or [self._test.parent]:
            if (folder / app).is_file():
                return folder / app
        raise FileNotFoundError(f"no application {app} beside {self._test} or above it, up to {self._root}")

    def load(self, app):
        """The module's name, for this process."""
        from ..application import loaded

        file = self.file(app)
        return app if file is None else self._stack.enter_context(loaded(file))

    def lay_out(self, app, folder):
        """The module's name, and the folder with the program that finds it: ``folder``, or the device's own."""
        from ..application import lay_out

        file = self.file(app)
        return (app, FIRMWARE) if file is None else (lay_out(file, folder), folder)


@pytest.fixture
def _applications(request):
    with contextlib.ExitStack() as stack:
        yield Applications(request, stack)


@pytest.fixture
def raspberry_pi(_applications):
    """A function that makes a Raspberry Pi: see the module's text, and ``mock_gpio.pi``.

    ``config``: the configuration of its application; ``more`` are members of its board file.
    """
    made, worlds = [], []

    def make(model="DHT22", led=None, sensor_pin=4, pulseio=False, app=None, config=None, **more):
        from .pi import RaspberryPi, RaspberryPiBoard

        parts = {name: more[name] for name in PARTS if name in more}
        settings = {
            "gpio": "rpigpio",
            "led": led or {"pin": 17, "pwm": True},
            "sensor": {"model": model, "pin": sensor_pin, "pulseio": pulseio},
            **more,
        }
        pi = RaspberryPi(settings)
        made.append(pi)
        if app is None:
            return pi
        return _connected(
            *(worlds, _applications.load(app), config),
            kind=lambda *given: RaspberryPiBoard(pi, *given),
            parts=parts,
        )

    before = signal.getsignal(signal.SIGTERM)
    yield make
    signal.signal(signal.SIGTERM, before)
    for thing in (*worlds, *made):
        thing.close()


@pytest.fixture
def mock_board(_applications, tmp_path):
    """A function that makes a mock board with an application on it, connected to a hub in memory.

    See the module's text; the board is a ``mock_gpio.world.Board``.
    """
    worlds = []

    def make(app, interpreter="cpython", **config):
        parts = {name: config.pop(name) for name in PARTS if name in config}
        if interpreter == "micropython":
            _need_micropython()
            app, place = _applications.lay_out(app, tmp_path / f"app-{len(worlds)}")
            places = [place]
        else:
            app, places = _applications.load(app), []
        return _connected(worlds, app, config or None, interpreter, places, parts=parts)

    yield make
    for world in worlds:
        world.close()


def _need_micropython():
    from ..paths import MICROPYTHON

    if not MICROPYTHON.exists():
        pytest.skip("MicroPython is not on this computer; twinkle doctor says how to get it")


def _connected(worlds, app, config, interpreter="cpython", places=(), **more):
    from .world import World

    world = World(interpreter, places=places)
    worlds.append(world)
    board = world.add("mock-board", app, config, **more)
    world.until(lambda: board.state == "ready")
    return board


@pytest.fixture
def pico_w(_applications, tmp_path):
    """A function that starts a Pico W under MicroPython, on stand-ins for its modules, with a local hub.

    Answers a ``mock_gpio.process.DeviceProcess`` with ``hub`` (a LiveHub) and ``id``;
    ``apps`` are folders in which it looks for applications.
    """
    from ..application import ENTRY
    from ..hub.live import LiveHub
    from .process import PICO_MODULES, DeviceProcess

    with LiveHub(tmp_path / "hub") as hub:
        started = []

        def start(app="apps.environment", apps=(), **board):
            _need_micropython()
            device_id = f"pico-{len(started)}"
            text = f"{hub.add(device_id)};Port={hub.info['mqttPort']}"
            app, program = _applications.lay_out(app, tmp_path / f"{device_id}-app")
            process = DeviceProcess(
                *("micropython", tmp_path / device_id, text, Path(hub.info["caFile"]).read_bytes()),
                {"app": app, **board},
                base="pico_w",
                wifi={"ssid": "home", "password": "not a real password"},
                before=[PICO_MODULES],
                apps=apps,
                program=program / ENTRY,
            )
            process.hub, process.id = hub, device_id
            started.append(process.start())
            return process

        yield start
        for process in started:
            process.stop()
